// Answers what kubectl's YAML reader makes of a text: reads cases separated by lines of "=====" from standard input and prints
// each one with its JSON behind a line of "-----" (or "error: ..." when it is refused). The recipe behind
// tests/unit/data/yaml/kubernetes.txt:
//
//	cd $(mktemp -d) && cp .../tests/support/yaml-oracle/main.go . && go mod init oracle && go get sigs.k8s.io/yaml@v1.6.0
//	go run . < cases.txt > kubernetes.txt
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	for _, text := range strings.Split(strings.TrimSuffix(string(input), "=====\n"), "=====\n") {
		text = strings.SplitN(text, "-----\n", 2)[0]
		json, err := yaml.YAMLToJSON([]byte(text))
		answer := string(json)
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s-----\n%s\n=====\n", text, answer)
	}
}
