// The Go side of Bellwire's tests: a client, a server, and the results of Go's own gob decoder.
package main

import (
	"fmt"
	"os"
)

const usage = `usage:
  go run . vectors                     write the test vectors to standard output
  go run . check                       decode gob values from standard input, print each as JSON
  go run . resolve                     resolve the addresses on standard input, print each
  go run . fresh                       write the first streams of a process, in hexadecimal
  go run . bench                       measure encoding and decoding
  go run . server ADDR                 serve STRING and GOB, print what arrives
  go run . client [-rounds N] [-ca FILE [-cert FILE]] ADDR
                                       send STRING and GOB, with -ca over TLS
  go run . subscribe ADDR TOPIC        subscribe to a topic of lines and send STRING, print what arrives
`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	arguments := os.Args[2:]
	var err error
	switch os.Args[1] {
	case "vectors":
		err = writeVectors(os.Stdout)
	case "fresh":
		fresh()
	case "check":
		err = check(os.Stdin, os.Stdout)
	case "resolve":
		err = resolve(os.Stdin, os.Stdout)
	case "bench":
		bench()
	case "server":
		err = serve(arguments)
	case "client":
		err = call(arguments)
	case "subscribe":
		err = subscribe(arguments)
	default:
		fail(usage)
	}
	if err != nil {
		fail(err.Error() + "\n")
	}
}

func fail(message string) {
	fmt.Fprint(os.Stderr, message)
	os.Exit(1)
}
