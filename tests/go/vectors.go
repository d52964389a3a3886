package main

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// vectors writes test vectors, one a line, in columns separated by tabs: a name, the type that receives the
// values, Go's verdict on the stream, the values that Go decodes before the end or the error (a JSON
// array), and the stream in hexadecimal. The verdict is ok, error, hangs or crashes.
type vectors struct {
	output io.Writer
	err    error
}

const header = `# What Go's encoding/gob makes of these streams; written by "go run . vectors" in tests/go.
# name, receiver, verdict, values before the end or the error, stream
`

func writeVectors(output io.Writer) error {
	// Encode the tutorial's types first, so that they get the same ids as in the tutorial's program.
	gob.NewEncoder(io.Discard).Encode(complexData{})
	gob.Register(place{})
	gob.Register(newlyTyped{})
	gob.Register([]any{})
	gob.Register(map[string]any{})
	v := &vectors{output: output}
	v.write(header)
	v.values()
	v.streams()
	v.otherTypes()
	v.anything()
	v.malformed()
	return v.err
}

func (v *vectors) write(line string) {
	if v.err == nil {
		_, v.err = io.WriteString(v.output, line)
	}
}

func (v *vectors) line(name, receiver, verdict string, values []string, stream []byte) {
	list := "[" + strings.Join(values, ",") + "]"
	v.write(strings.Join([]string{name, receiver, verdict, list, hex.EncodeToString(stream)}, "\t") + "\n")
}

// decoded decodes a stream with Go's Decoder and writes the result as a vector.
func (v *vectors) decoded(name, receiver string, stream []byte) {
	decoder := gob.NewDecoder(bytes.NewReader(stream))
	values := []string{}
	for {
		value, err := decodeAs(receiver, decoder)
		if err != nil {
			verdict := "error"
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				verdict = "ok"
			}
			v.line(name, receiver, verdict, values, stream)
			return
		}
		values = append(values, value)
	}
}

func decodeAs(receiver string, decoder *gob.Decoder) (string, error) {
	switch receiver {
	case "complexData":
		var data complexData
		err := decoder.Decode(&data)
		return data.printed(), err
	case "kinds":
		var data kinds
		err := decoder.Decode(&data)
		return toJSON(data), err
	case "skip":
		return "null", decoder.DecodeValue(reflect.Value{})
	}
	panic(receiver)
}

func encoded(values ...any) []byte {
	var stream bytes.Buffer
	encoder := gob.NewEncoder(&stream)
	for _, value := range values {
		if err := encoder.Encode(value); err != nil {
			panic(err)
		}
	}
	return stream.Bytes()
}

func (v *vectors) values() {
	v.decoded("tutorial", "complexData", encoded(tutorialValue()))
	v.decoded("zero", "complexData", encoded(complexData{}))
	numbers := []any{}
	for _, n := range integers() {
		numbers = append(numbers, complexData{N: n})
	}
	v.decoded("integers", "complexData", encoded(numbers...))
	sizes := []any{}
	for _, size := range []int{1, 127, 128, 255, 256, 300} {
		text := strings.Repeat("x", size)
		sizes = append(sizes, complexData{S: text}, complexData{P: []byte(text)}, complexData{M: map[string]int{text: size}})
	}
	v.decoded("sizes", "complexData", encoded(sizes...))
	v.decoded("unicode", "complexData", encoded(complexData{S: "ß ☃ 🔔"}))
	v.decoded("not utf-8", "complexData", encoded(complexData{S: "a\xffb"}))
	v.decoded("key not utf-8", "complexData", encoded(complexData{M: map[string]int{"\xff": 1}}))
	v.decoded("empty map", "complexData", encoded(complexData{M: map[string]int{}}))
	v.decoded("zero in map", "complexData", encoded(complexData{M: map[string]int{"": 0}}))
	v.decoded("empty bytes", "complexData", encoded(complexData{P: []byte{}}))
	v.decoded("zero inside", "complexData", encoded(complexData{C: &complexData{}}))
	for _, levels := range []int{3, 8, 15, 16, 17, 100} {
		v.decoded(fmt.Sprint("nested ", levels), "complexData", encoded(nested(levels)))
	}
	for i, value := range kindsValues() {
		v.decoded(fmt.Sprint("kinds ", i), "kinds", encoded(value))
	}
	numbers = nil
	for _, f := range floats() {
		numbers = append(numbers, kinds{F64: f, Pair: pair(complex(f, 0))})
	}
	v.decoded("floats", "kinds", encoded(numbers...))
}

func (v *vectors) streams() {
	v.decoded("three values", "complexData", encoded(tutorialValue(), complexData{}, nested(2)))
	v.decoded("kinds in a row", "kinds", encoded(kindsValues()[0], kindsValues()[1], kindsValues()[4], kindsValues()[4]))
	fresh := append(encoded(tutorialValue()), encoded(tutorialValue())...)
	v.decoded("fresh encoders in a row", "complexData", fresh)
	mixed := encoded(place{"x", 1}, tutorialValue())
	v.decoded("values of two types", "skip", mixed)
	v.decoded("no value", "complexData", nil)
}

func (v *vectors) otherTypes() {
	type reordered struct {
		C *complexData
		P []byte
		M map[string]int
		S string
		N int
	}
	type some struct {
		S string
		P []byte
	}
	type more struct {
		A time.Time
		B []any
		N int8
		D [2]map[string]place
		S *string
		F complex64
		P *[]byte
		X struct{}
		Y map[struct{}]struct{}
		Z map[string]int
	}
	text, raw := "pointed at", []byte{1}
	v.decoded("reordered", "complexData", encoded(reordered{&complexData{N: 1}, raw, map[string]int{"k": 1}, "s", 2}))
	v.decoded("fewer fields", "complexData", encoded(some{"s", raw}))
	v.decoded("more fields, zero", "complexData", encoded(more{}))
	v.decoded("more fields", "complexData", encoded(more{
		A: time.Unix(1, 2).UTC(), B: []any{1, "two", place{"three", 3}, 3.5},
		N: -5, D: [2]map[string]place{{"a": {"b", 1}}, nil}, S: &text, F: 1i, P: &raw,
		Y: map[struct{}]struct{}{{}: {}}, Z: map[string]int{"z": 26},
	}))
	v.decoded("more fields, nested types", "complexData", encoded(more{
		B: []any{newlyTyped{[]uint16{1}}, []any{place{"deep", 1}}}, N: 1,
	}))
	many, named := []any{}, map[string]any{}
	for i := 0; i < 100; i++ {
		many = append(many, place{"r", i + 1})
		named[fmt.Sprint(i)] = place{"r", i + 1}
	}
	v.decoded("many of a new type in interfaces", "complexData", encoded(struct {
		N int
		I []any
	}{5, many}))
	v.decoded("a map to many of a new type in interfaces", "complexData", encoded(struct {
		N int
		I map[string]any
	}{5, named}))
	v.decoded("no common field", "complexData", encoded(place{"x", 1}))
	v.decoded("no field at all", "complexData", encoded(struct{}{}))
	v.decoded("a slice of it", "complexData", encoded([]complexData{tutorialValue()}))
	v.decoded("an int", "complexData", encoded(3))
	v.decoded("a string", "complexData", encoded("text"))
	v.decoded("a map", "complexData", encoded(map[string]int{"N": 1}))

	v.decoded("N uint", "complexData", encoded(struct{ N uint }{1}))
	v.decoded("N float", "complexData", encoded(struct{ N float64 }{1}))
	v.decoded("N string", "complexData", encoded(struct{ N string }{"1"}))
	v.decoded("N string, zero", "complexData", encoded(struct{ N string }{}))
	v.decoded("N pointer to pointer", "complexData", encoded(struct{ N **int16 }{pointer(pointer(int16(7)))}))
	v.decoded("S bytes", "complexData", encoded(struct{ S []byte }{raw}))
	v.decoded("P string", "complexData", encoded(struct{ P string }{"abc"}))
	v.decoded("P array", "complexData", encoded(struct{ P [2]byte }{}))
	v.decoded("P ints", "complexData", encoded(struct{ P []int }{[]int{1}}))
	v.decoded("P opaque", "complexData", encoded(struct{ P time.Time }{time.Unix(1, 0).UTC()}))
	v.decoded("M of uint", "complexData", encoded(struct{ M map[string]uint }{map[string]uint{"a": 1}}))
	v.decoded("M of uint, zero", "complexData", encoded(struct{ M map[string]uint }{}))
	v.decoded("M by int", "complexData", encoded(struct{ M map[int]int }{map[int]int{1: 1}}))
	v.decoded("M of int8", "complexData", encoded(struct{ M map[string]int8 }{map[string]int8{"a": -1}}))
	v.decoded("M struct", "complexData", encoded(struct{ M place }{}))
	v.decoded("C int", "complexData", encoded(struct{ C int }{1}))
	v.decoded("C int, zero", "complexData", encoded(struct{ C int }{}))
	v.decoded("C value", "complexData", encoded(struct{ C some }{some{"s", nil}}))
	v.decoded("C interface", "complexData", encoded(struct{ C any }{place{"x", 1}}))

	v.decoded("I8 out of range", "kinds", encoded(struct{ I8 int }{128}))
	v.decoded("I32 out of range", "kinds", encoded(struct{ I32 int }{-1<<31 - 1}))
	v.decoded("U8 out of range", "kinds", encoded(struct{ U8 uint }{256}))
	v.decoded("U32 out of range", "kinds", encoded(struct{ U32 uint }{1 << 32}))
	v.decoded("F32 out of range", "kinds", encoded(struct{ F32 float64 }{1e39}))
	v.decoded("U8 in a map out of range", "kinds", encoded(struct{ Table map[string]int }{map[string]int{"a": 1}}))
	v.decoded("array of another length", "kinds", encoded(struct{ Array [4]int }{}))
	v.decoded("array from slice", "kinds", encoded(struct{ Array []int }{[]int{1, 2, 3}}))
	v.decoded("slice from array", "kinds", encoded(struct{ Ints [2]int }{[2]int{1, 2}}))
	v.decoded("octets from bytes", "kinds", encoded(struct{ Octets []byte }{[]byte{1, 2, 3}}))
}

func pointer[T any](value T) *T {
	return &value
}

func (v *vectors) anything() {
	number := 5
	values := []any{
		3, -1, uint8(7), 1.5, true, false, "text", []byte("abc"), complex(1, 2), []string{"a", ""},
		[2]bool{true, false}, map[string]int{"a": 1}, map[int]string{-1: "x"}, map[string]any{"n": 1, "nil": nil},
		[]any{1, nil, "two", place{"p", 1}, []any{newlyTyped{}}}, place{"r", 2}, tutorialValue(), &number,
		time.Unix(3, 4).UTC(), [][]map[string][2]complex64{{{"k": {1, 2i}}}, nil}, nested(3), []any{},
		map[string][]any{"x": {newlyTyped{[]uint16{9}}, map[string]any{"y": newlyTyped{}}, 1}}, []any{nil},
	}
	for _, value := range append(values, kindsAsAny()...) {
		list := []string{toJSON(described(reflect.ValueOf(value)))}
		v.line(fmt.Sprintf("any %T", value), "any", "ok", list, encoded(value))
	}
}

func kindsAsAny() []any {
	values := []any{}
	for _, value := range kindsValues() {
		values = append(values, value)
	}
	return values
}
