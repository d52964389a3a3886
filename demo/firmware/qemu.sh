#!/usr/bin/env bash
# Builds the firmware and boots it on the lm3s6965evb that QEMU emulates.
#
#   qemu.sh [PORT [UART_PORT]]   the server, with its port at 127.0.0.1:PORT (61000 unless given)
#                                and, if wanted, its UART0 as a byte stream at 127.0.0.1:UART_PORT
#   qemu.sh --client [PORT]      the client, which dials this machine's 127.0.0.1:PORT
#   qemu.sh --echo [PORT]        what the server is measured against: it sends back what comes
#   qemu.sh --panic              what the board says of a panic
#
# What the board says on UART1 stands on standard output: `up` once it serves, then what arrives;
# Enter asks it how much of its stack it has used. Ctrl-C, or the end of the client, ends it all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

program=server
case ${1:-} in
--help | -h)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
    ;;
--client | --echo | --panic)
    program=${1#--}
    shift
    ;;
esac
port=${1:-61000}
uart=null
[ -z "${2:-}" ] || uart=tcp:127.0.0.1:$2,server=on,wait=off

network=user,id=network,model=stellaris
if [ "$program" = client ]; then
    export BELLWIRE_PORT=$port
else
    network+=,restrict=on,hostfwd=tcp:127.0.0.1:$port-:61000
fi

command -v qemu-system-arm >/dev/null || {
    echo "please install QEMU for Arm: qemu-system-arm" >&2
    exit 2
}
(cd "$here" && ../../.ci/bare-metal thumbv7m-none-eabi build --quiet --release --locked --bin "$program")

exec qemu-system-arm -machine lm3s6965evb -cpu cortex-m3 -nographic -monitor none -no-reboot \
    -semihosting-config enable=on,target=native -serial "$uart" -serial stdio -nic "$network" \
    -kernel "$here/../../target/bare-metal/thumbv7m-none-eabi/release/$program"
