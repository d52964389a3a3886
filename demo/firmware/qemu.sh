#!/usr/bin/env bash
# Builds the firmware and boots it on the lm3s6965evb that QEMU emulates.
#
#   qemu.sh [PORT [UART_PORT]]   runs the server at 127.0.0.1:PORT (default 61000);
#                                with UART_PORT, UART0 is a byte stream at 127.0.0.1:UART_PORT;
#                                if UART_PORT is pty, a serial port, whose path QEMU prints
#   qemu.sh --thermostat [PORT [UART_PORT]]
#                                runs the thermostat of demo/thermostat in the same way
#   qemu.sh --client [PORT]      runs the client, which connects to port PORT of this machine
#   qemu.sh --echo [PORT]        runs an echo server, the baseline for the server's speed
#   qemu.sh --panic              panics, to show the board's report
#
# The board's console (UART1) is standard input and output. The board prints `up` once it serves,
# then each request. Press Enter to see its stack usage. The script ends on Ctrl-C, or when the
# client has finished.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

program=server
case ${1:-} in
--help | -h)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
    ;;
--client | --echo | --panic | --thermostat)
    program=${1#--}
    shift
    ;;
esac
port=${1:-61000}
uart=null
case ${2:-} in
'') ;;
pty) uart=pty ;;
*) uart=tcp:127.0.0.1:$2,server=on,wait=off ;;
esac

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
