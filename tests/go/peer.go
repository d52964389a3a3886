package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/gob"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// call runs a client: each round sends a text and a structure on one connection.
func call(arguments []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	rounds := flags.Int("rounds", 1, "how often to send both commands")
	authority := flags.String("ca", "", "speak TLS, and trust the certificate in this file")
	certificate := flags.String("cert", "", "show the certificate in this file, which holds its key as well")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	connection, err := dial(flags.Arg(0), *authority, *certificate)
	if err != nil {
		return err
	}
	defer connection.Close()
	stream := bufio.NewReadWriter(bufio.NewReader(connection), bufio.NewWriter(connection))
	for round := 0; round < *rounds; round++ {
		if err := sendText(stream, "Additional data."); err != nil {
			return fmt.Errorf("round %d: STRING: %w", round, err)
		}
		value := tutorialValue()
		value.N += round
		if err := sendGob(stream, value); err != nil {
			return fmt.Errorf("round %d: GOB: %w", round, err)
		}
	}
	// GOB has no reply. The reply to one more text shows that the server accepted the last structure.
	return sendText(stream, "The end.")
}

func dial(address, authority, certificate string) (net.Conn, error) {
	if authority == "" {
		return net.Dial("tcp", address)
	}
	trusted, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(trusted) {
		return nil, fmt.Errorf("%s holds no certificate", authority)
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, certificate)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return tls.Dial("tcp", address, config)
}

func sendText(stream *bufio.ReadWriter, text string) error {
	if _, err := stream.WriteString("STRING\n" + text + "\n"); err != nil {
		return err
	}
	if err := stream.Flush(); err != nil {
		return err
	}
	reply, err := stream.ReadString('\n')
	if err != nil {
		return err
	}
	if reply != "Thank you.\n" {
		return fmt.Errorf("the reply is %q", reply)
	}
	return nil
}

func sendGob(stream *bufio.ReadWriter, value complexData) error {
	if _, err := stream.WriteString("GOB\n"); err != nil {
		return err
	}
	if err := gob.NewEncoder(stream).Encode(value); err != nil {
		return err
	}
	return stream.Flush()
}

// serve runs a server until it is killed. It prints its address, then each value that arrives.
func serve(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("server: one address")
	}
	listener, err := net.Listen("tcp", arguments[0])
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			if err := converse(connection); err != nil {
				fmt.Println("error:", err)
			}
		}()
	}
}

func converse(connection net.Conn) error {
	stream := bufio.NewReadWriter(bufio.NewReader(connection), bufio.NewWriter(connection))
	for {
		name, err := stream.ReadString('\n')
		if err == io.EOF && name == "" {
			return nil
		}
		if err != nil {
			return err
		}
		switch name = strings.Trim(name, "\n "); name {
		case "STRING":
			text, err := stream.ReadString('\n')
			if err != nil {
				return err
			}
			fmt.Println(toJSON(strings.TrimSuffix(text, "\n")))
			if _, err := stream.WriteString("Thank you.\n"); err != nil {
				return err
			}
			if err := stream.Flush(); err != nil {
				return err
			}
		case "GOB":
			var data complexData
			if err := gob.NewDecoder(stream).Decode(&data); err != nil {
				return err
			}
			fmt.Println(data.printed())
		default:
			return fmt.Errorf("no command is named %q", name)
		}
	}
}
