module bellwire/tests/go

go 1.21
