// Checks the signature of a message from trueup's notifier-webhook. Copy TrueupIsRight or StandardIsRight into your receiver.
//
//	KEY=... go run verify.go trueup|standard HEADERS BODY      exit 0: signed with KEY, and no older than five minutes
package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Tolerance of clocks; also remember the webhook-ids of that time, and refuse one that comes again.
const tolerance = 5 * time.Minute

func isRecent(unix string) bool {
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return false
	}
	age := time.Since(time.Unix(seconds, 0))
	return age > -tolerance && age < tolerance
}

func sum(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(bytes.Join(parts, []byte(".")))
	return mac.Sum(nil)
}

// TrueupIsRight checks X-Trueup-Signature: t=<unix>,v1=<hex>[,v1=<hex>]
func TrueupIsRight(key []byte, headers http.Header, body []byte) bool {
	when := ""
	var given []string
	for _, part := range strings.Split(headers.Get("X-Trueup-Signature"), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			when = value
		case "v1":
			given = append(given, value)
		}
	}
	if !isRecent(when) {
		return false
	}
	expected := sum(key, []byte(when), body)
	for _, value := range given {
		got, err := hex.DecodeString(value)
		if err == nil && hmac.Equal(got, expected) {
			return true
		}
	}
	return false
}

// StandardIsRight checks Standard Webhooks 1.0: webhook-signature: v1,<base64>[ v1,<base64>]
func StandardIsRight(secret string, headers http.Header, body []byte) bool {
	id, when := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || id == "" || !isRecent(when) {
		return false
	}
	expected := sum(key, []byte(id), []byte(when), body)
	for _, entry := range strings.Fields(headers.Get("webhook-signature")) {
		version, value, _ := strings.Cut(entry, ",")
		got, err := base64.StdEncoding.DecodeString(value)
		if version == "v1" && err == nil && hmac.Equal(got, expected) {
			return true
		}
	}
	return false
}

func main() {
	headers := http.Header{}
	file, err := os.Open(os.Args[2])
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	body, err := os.ReadFile(os.Args[3]) // the bytes as they came: never JSON that was read and written again
	if err != nil {
		panic(err)
	}
	key := os.Getenv("KEY")
	right := os.Args[1] == "standard" && StandardIsRight(key, headers, body) || os.Args[1] == "trueup" && TrueupIsRight([]byte(key), headers, body)
	if !right {
		fmt.Println("not signed with this key, or too old")
		os.Exit(1)
	}
	fmt.Println("signed")
}
