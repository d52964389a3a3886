package main

import (
	"encoding/hex"
	"fmt"
)

// survey nests every kind of type within another, which reveals the order of type ids and definitions.
type survey struct {
	Id     uint
	Name   string
	Values []float64
	Tags   map[string]int
	Inner  *site
	Sites  []site
	Grid   [2][]int
	Index  map[string]place
	Raw    []byte
	Good   bool
	Point  complex128
	Next   []survey
	Again  []float64
}

type site struct {
	Room string
	Kin  []site
}

// fresh prints the output of a process's first Encoders. There type ids begin at 64.
func fresh() {
	fmt.Println(hex.EncodeToString(encoded(survey{})))
	fmt.Println(hex.EncodeToString(encoded(survey{
		Id: 7, Name: "n", Values: []float64{0, 1.5}, Tags: map[string]int{"t": -1},
		Inner: &site{"r", []site{{}, {"k", nil}}}, Sites: []site{{Room: "s"}},
		Grid: [2][]int{{1}, nil}, Index: map[string]place{"i": {"", 2}}, Raw: []byte{9},
		Good: true, Point: 1i, Next: []survey{{Id: 8}}, Again: []float64{-1},
	})))
}
