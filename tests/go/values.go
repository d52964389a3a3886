package main

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
)

// kinds has a field of every kind that Bellwire's test receives, and two fields that it skips.
type kinds struct {
	Bool    bool
	I8      int8
	I16     int16
	I32     int32
	I64     int64
	Rune    rune
	U8      uint8
	U16     uint16
	U32     uint32
	U64     uint64
	F32     float32
	F64     float64
	Pair    pair
	Text    string
	Raw     []byte
	Ints    []int
	Texts   []string
	Pairs   []pair
	Array   [3]int
	Octets  [3]byte
	Table   map[string]uint8
	Lists   map[int32][]string
	Number  *int
	Place   *place
	Inside  place
	Places  []place
	Deep    **place
	When    time.Time `json:"-"`
	Unknown any       `json:"-"`
}

type place struct {
	Room string
	Seat int
}

// pair is a complex number, printed as Bellwire receives it: as two floats.
type pair complex128

func (p pair) MarshalJSON() ([]byte, error) {
	return []byte(toJSON([2]float64{real(p), imag(p)})), nil
}

func kindsValues() []kinds {
	number, room := 42, &place{"b", 2}
	full := kinds{
		Bool: true, I8: -128, I16: 32767, I32: -1 << 31, I64: 1<<63 - 1, Rune: 'ß',
		U8: 255, U16: 65535, U32: 1<<32 - 1, U64: 1<<64 - 1,
		F32: 0.25, F64: -1.5e300, Pair: complex(1, -2), Text: "text", Raw: []byte{0, 255},
		Ints: []int{0, 1, -1}, Texts: []string{"", "x"}, Pairs: []pair{0, 1i},
		Array: [3]int{7, 0, -7}, Octets: [3]byte{1, 0, 255},
		Table: map[string]uint8{"": 0, "k": 9}, Lists: map[int32][]string{-1: nil, 5: {"a", "b"}},
		Number: &number, Place: &place{"a", 1}, Inside: place{Seat: 3},
		Places: []place{{}, {"c", 0}}, Deep: &room,
		When: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), Unknown: 5,
	}
	zeroPointers := kinds{Number: new(int), Place: new(place)}
	named := kinds{Unknown: place{"in an interface", 1}}
	after := kinds{Places: []place{{"before", 1}}, Unknown: newlyTyped{[]uint16{1, 2}}}
	return []kinds{{}, full, zeroPointers, named, after}
}

// newlyTyped appears only inside an interface. So its definition splits the value into several messages.
type newlyTyped struct {
	List []uint16
}

func floats() []float64 {
	return []float64{1, -1, 17, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, math.MaxFloat32}
}

func integers() []int {
	numbers := []int{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, 0, 1, -1, 2, -2}
	for shift := 0; shift < 63; shift++ {
		if shift%8 < 5 {
			continue // encoded with the same number of bytes as the previous number
		}
		for near := -1; near <= 1; near++ {
			numbers = append(numbers, 1<<shift+near, -1<<shift+near)
		}
	}
	return numbers
}

func nested(levels int) complexData {
	data := complexData{N: levels}
	if levels > 1 {
		inner := nested(levels - 1)
		data.C = &inner
	}
	return data
}

// described returns a value as seen by a receiver that accepts any type: a struct as its sent fields, a
// complex number as two floats, and an opaque value as its bytes.
func described(v reflect.Value) any {
	if m, ok := v.Interface().(encoding.BinaryMarshaler); ok && v.Kind() == reflect.Struct {
		data, err := m.MarshalBinary()
		if err != nil {
			panic(err)
		}
		return base64.StdEncoding.EncodeToString(data)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return described(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := 0; i < v.NumField(); i++ {
			if !isOmitted(v.Field(i)) {
				fields[v.Type().Field(i).Name] = described(v.Field(i))
			}
		}
		return fields
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		elements := []any{}
		for i := 0; i < v.Len(); i++ {
			elements = append(elements, described(v.Index(i)))
		}
		return elements
	case reflect.Map:
		entries := map[string]any{}
		for _, key := range v.MapKeys() {
			entries[strings.Trim(fmt.Sprint(key), `"`)] = described(v.MapIndex(key))
		}
		return entries
	case reflect.Complex128, reflect.Complex64:
		return []float64{real(v.Complex()), imag(v.Complex())}
	}
	return v.Interface()
}

// isOmitted returns whether an Encoder omits the field.
func isOmitted(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		_, opaque := v.Interface().(encoding.BinaryMarshaler)
		return opaque && v.IsZero()
	case reflect.Array:
		return false
	case reflect.Slice:
		return v.Len() == 0
	case reflect.Pointer:
		return v.IsNil() || isOmitted(v.Elem())
	}
	return v.IsZero()
}
