package main

import (
	"encoding/hex"
	"strings"
)

// The definitions of the tutorial's types, as sent by a fresh process.
const (
	structType = "38" + structBody
	structBody = "7f03" + "01010b636f6d706c657844617461" + "01ff8000" + "0105" +
		"01014e010400" + "010153010c00" + "01014d01ff8200" + "010150010a00" + "01014301ff8000" + "0000"
	mapType = "1e" + "ff8104" + "01010e6d61705b737472696e675d696e74" + "01ff8200" + "010c" + "0104" + "0000"
	types   = structType + mapType
)

// message prepends the length to a message.
func message(body string) string {
	size := len(body) / 2
	if size < 128 {
		return hex.EncodeToString([]byte{byte(size)}) + body
	}
	return "fe" + hex.EncodeToString([]byte{byte(size >> 8), byte(size)}) + body
}

// value returns a message with a value of the tutorial's type.
func value(fields string) string {
	return types + message("ff80"+fields)
}

func (v *vectors) malformed() {
	for _, stream := range [][2]string{
		{"nothing but types", types},
		{"empty message", "00"},
		{"empty message behind types", types + "00"},
		{"message cut off", types + "03ff80"},
		{"long length", types + "f8000000000000000" + "3ff8000"},
		{"length of nine bytes", types + "f7000000000000000003ff8000"},
		{"length of 1 GiB", "fc40000000"},
		{"length of 4 GiB", "fb0100000000"},
		{"number of nine bytes", value("01f7000000000000000001" + "00")},
		{"number in too many bytes", value("01fe002e" + "00")},
		{"value of no type", types + message("ff8400")},
		{"value of type 0", types + message("00")},
		{"value of a reserved type", types + message("1200")},
		{"type defined twice", structType + structType},
		{"type of a reserved id", message("7d" + structBody[2:])},
		{"type with two kinds", message("7f" + "0301010161" + "0000" + "01" + "00")},
		{"type of no kind", message("7f" + "00") + message("ff8000")},
		{"type with bytes behind it", message(structBody + "00")},
		{"type cut short", message(structBody[:40])},
		{"type with long name", message("7f0301" + "01fe1000" + strings.Repeat("61", 4))},
		{"field of an unknown type", message("7f0301" + "02ff8000" + "0102" + "01014e010400" + "01015801ff9000" + "0000") + message("ff80010200")},
		{"M of an unknown type, sent", structType + message("ff80" + "030101610200")},
		{"field without name", message("7f0301" + "02ff8000" + "0101" + "0204" + "00" + "0000") + message("ff8000")},
		{"field count too large", message("7f0301" + "02ff8000" + "01fc7fffffff")},
		{"end missing", value("012e")},
		{"bytes behind the value", value("012e00" + "aabb")},
		{"field number too large", value("0602")},
		{"field number far too large", value("f8ffffffffffffffff02")},
		{"string longer than the message", value("020561" + "00")},
		{"string of 2^63 bytes", value("02f88000000000000000" + "00")},
		{"bytes longer than the message", value("0405616200")},
		{"map longer than the message", value("030501610200")},
		{"negative map count", value("03f8ffffffffffffffff00")},
		{"key twice", value("03020161020161040000")},
		{"inner end missing", value("05012e")},
	} {
		v.decoded(stream[0], "complexData", bytesOf(stream[1]))
	}
	// A bool of 2: struct { Bool bool }.
	boolType := message("7f0301" + "02ff8000" + "0101" + "0104426f6f6c" + "010200" + "0000")
	v.decoded("bool of 2", "kinds", bytesOf(boolType+message("ff80010200")))
	arrayType := message("7f0301" + "02ff8000" + "0101" + "01054172726179" + "01ff8200" + "0000") +
		message("ff8101"+"0102ff8200"+"0104"+"0106"+"0000")
	v.decoded("array of three", "kinds", bytesOf(arrayType+message("ff80"+"0103020406"+"00")))
	v.decoded("array count wrong", "kinds", bytesOf(arrayType+message("ff80"+"01020204"+"00")))

	// These streams make Go hang or crash, so they are not decoded here.
	unit := message("7f0301"+"02ff8000"+"0102"+"01014e010400"+"01015801ff8200"+"0000") +
		message("ff8104"+"0102ff8200"+"01ff84"+"01ff84"+"0000") +
		message("ff8303"+"0102ff84000000")
	v.line("2^62 entries of no bytes", "complexData", "hangs", nil,
		bytesOf(unit+message("ff80"+"0102"+"01f84000000000000000"+"00")))
	v.line("2^40 map entries", "complexData", "hangs", nil, bytesOf(value("03fa010000000000"+"00")))
	v.line("nested without end", "complexData", "crashes", nil, bytesOf(value(strings.Repeat("05", 1000))))
	v.line("nested without end, passed over", "complexData", "crashes", nil,
		bytesOf(message("7f0301"+"02ff8000"+"0102"+"01014e010400"+"01015801ff8000"+"0000")+
			message("ff80"+strings.Repeat("02", 1000))))
	slice := message("7f0301"+"02ff8000"+"0102"+"01014e010400"+"01015801ff8200"+"0000") +
		message("ff8102"+"0102ff8200"+"01ff82"+"0000")
	v.line("slices in slices without end", "complexData", "crashes", nil,
		bytesOf(slice+message("ff80"+"02"+strings.Repeat("01", 1000))))
}

func bytesOf(text string) []byte {
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return data
}
