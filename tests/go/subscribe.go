package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
)

// subscribe subscribes to a topic of lines, calls STRING meanwhile, and prints each message that arrives.
func subscribe(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("subscribe: an address and a topic")
	}
	connection, err := net.Dial("tcp", arguments[0])
	if err != nil {
		return err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	topic := arguments[1]
	requests := []string{"SUBSCRIBE\n" + topic}
	for round := 0; round < 10; round++ {
		requests = append(requests, "STRING\nhi")
	}
	requests = append(requests, "UNSUBSCRIBE\n"+topic, "STRING\nThe end.")
	for _, request := range requests {
		if _, err := fmt.Fprintln(connection, request); err != nil {
			return err
		}
		if err := printUntilReply(reader); err != nil {
			return err
		}
	}
	return nil
}

// printUntilReply prints the pushes that arrive before the next reply, then the reply.
func printUntilReply(reader *bufio.Reader) error {
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, ">") {
			fmt.Println("reply", line)
			return nil
		}
		topic, lost, isLoss := strings.Cut(line[1:], " +")
		if isLoss {
			fmt.Println("lost", topic, lost)
			continue
		}
		value, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		fmt.Print("push ", topic, " ", value)
	}
}
