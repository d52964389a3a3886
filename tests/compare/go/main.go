// A typical Go server of the tutorial's commands, for comparison: a goroutine for each connection, bufio
// and a map of handlers. It logs no requests.
package main

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

type complexData struct {
	N int
	S string
	M map[string]int
	P []byte
	C *complexData
}

var handlers = map[string]func(*bufio.ReadWriter) error{
	"STRING": handleString,
	"GOB":    handleGob,
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		go serve(connection)
	}
}

func serve(connection net.Conn) {
	defer connection.Close()
	stream := bufio.NewReadWriter(bufio.NewReader(connection), bufio.NewWriter(connection))
	for {
		name, err := stream.ReadString('\n')
		if err == io.EOF {
			return
		}
		handle := handlers[strings.TrimSpace(name)]
		if err == nil && handle == nil {
			err = fmt.Errorf("no command is named %q", name)
		}
		if err == nil {
			err = handle(stream)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}

func handleString(stream *bufio.ReadWriter) error {
	if _, err := stream.ReadString('\n'); err != nil {
		return err
	}
	if _, err := stream.WriteString("Thank you.\n"); err != nil {
		return err
	}
	return stream.Flush()
}

func handleGob(stream *bufio.ReadWriter) error {
	var data complexData
	return gob.NewDecoder(stream).Decode(&data)
}
