package main

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"io"
)

// complexData is the structure exchanged by the tutorial's programs.
type complexData struct {
	N int
	S string
	M map[string]int
	P []byte
	C *complexData
}

// tutorialValue returns the value that the tutorial's client sends.
func tutorialValue() complexData {
	return complexData{
		N: 23,
		S: "string data",
		M: map[string]int{"one": 1, "two": 2, "three": 3},
		P: []byte("abc"),
		C: &complexData{
			N: 256,
			S: "Recursive structs? Piece of cake!",
			M: map[string]int{"01": 1, "10": 2, "11": 3},
		},
	}
}

// printed returns the value as one line of JSON. Empty maps and slices are null, because Bellwire's types
// do not distinguish empty from nil.
func (data *complexData) printed() string {
	for level := data; level != nil; level = level.C {
		if len(level.M) == 0 {
			level.M = nil
		}
		if len(level.P) == 0 {
			level.P = nil
		}
	}
	return toJSON(data)
}

func toJSON(value any) string {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return string(bytes.TrimSpace(line.Bytes()))
}

// check decodes a stream and prints each value as JSON, until the stream ends or an error occurs.
func check(input io.Reader, output io.Writer) error {
	decoder := gob.NewDecoder(input)
	for {
		var data complexData
		err := decoder.Decode(&data)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := json.NewEncoder(output).Encode(data); err != nil {
			return err
		}
	}
}
