package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// resolve reads addresses, a line each, and prints what Go makes of them: the address of a socket,
// or "no". Names are looked up on this machine only.
func resolve(input io.Reader, output io.Writer) error {
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server is asked")
		},
	}
	lines := bufio.NewScanner(input)
	for lines.Scan() {
		answer := "no"
		if address, err := net.ResolveTCPAddr("tcp", lines.Text()); err == nil {
			answer = address.String()
		}
		if _, err := fmt.Fprintln(output, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
