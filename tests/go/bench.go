package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"testing"
)

// bench measures encoding and decoding of the tutorial's value. It does so with a fresh Encoder and Decoder
// for each value, as in the tutorial's program, and with one for all values.
func bench() {
	value := tutorialValue()
	var fresh bytes.Buffer
	gob.NewEncoder(&fresh).Encode(value)
	report("encode, fresh Encoder", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			gob.NewEncoder(io.Discard).Encode(value)
		}
	})
	report("decode, fresh Decoder", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			var data complexData
			if err := gob.NewDecoder(bytes.NewReader(fresh.Bytes())).Decode(&data); err != nil {
				panic(err)
			}
		}
	})
	encoder := gob.NewEncoder(io.Discard)
	report("encode, one Encoder", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			encoder.Encode(value)
		}
	})
	report("decode, one Decoder", func(b *testing.B) {
		var stream bytes.Buffer
		encoder := gob.NewEncoder(&stream)
		for i := 0; i < b.N; i++ {
			encoder.Encode(value)
		}
		decoder := gob.NewDecoder(&stream)
		b.ResetTimer()
		for i := 0; i < b.N; i++ {
			var data complexData
			if err := decoder.Decode(&data); err != nil {
				panic(err)
			}
		}
	})
}

func report(name string, measured func(*testing.B)) {
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		measured(b)
	})
	fmt.Printf("go        %-24s %6d ns %4d allocations\n", name, result.NsPerOp(), result.AllocsPerOp())
}
