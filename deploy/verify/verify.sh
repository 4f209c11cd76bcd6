#!/bin/sh
# Checks the signature of a message from trueup's notifier-webhook by hand, with openssl.
#
#     KEY=... sh verify.sh trueup|standard HEADERS BODY      exit 0: signed with KEY, and no older than five minutes
#
# For a look at one message. The key stands on openssl's command line, where others on the machine can see it, and the comparison takes
# no constant time: a receiver uses verify.py or verify.go instead.
set -eu
kind=$1 headers=$2 body=$3
header() { sed -n "s/^$1: *//Ip" "$headers" | tr -d '\r' | head -n 1; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
digest() { # HEXKEY PREFIX: the HMAC-SHA256 of the prefix and the body
    { printf '%s' "$2"; cat "$body"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary
}
if [ "$kind" = standard ]; then
    when=$(header webhook-timestamp)
    key=$(printf '%s' "${KEY#whsec_}" | openssl base64 -d -A | hex)
    wanted="v1,$(digest "$key" "$(header webhook-id).$when." | openssl base64 -A)"
    given=$(header webhook-signature)
else
    signature=$(header x-trueup-signature)
    when=$(printf '%s' "$signature" | tr ',' '\n' | sed -n 's/^t=//p')
    key=$(printf '%s' "$KEY" | hex)
    wanted="v1=$(digest "$key" "$when." | hex)"
    given=$(printf '%s' "$signature" | tr ',' ' ')
fi
case $when in '' | *[!0-9]*) echo "no signature"; exit 1 ;; esac
age=$(($(date +%s) - when))
[ "$age" -le 300 ] && [ "$age" -ge -300 ] || { echo "signed more than five minutes ago"; exit 1; }
case " $given " in
*" $wanted "*) echo "signed" ;;
*) echo "not signed with this key"; exit 1 ;;
esac
