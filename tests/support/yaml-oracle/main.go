// Answers what kubectl's YAML reader makes of a text: reads cases separated by lines of "=====" from standard input and prints
// each one with its JSON behind a line of "-----" (or "error: ..." when it is refused). Further parts of a case (what trueup
// answers where it differs, and why) are kept. The recipe behind tests/unit/data/yaml/kubernetes.txt, to be run again after
// cases were added there:
//
//	cd $(mktemp -d) && cp .../tests/support/yaml-oracle/main.go . && go mod init oracle && go get sigs.k8s.io/yaml@v1.6.0
//	go run . < .../kubernetes.txt > kubernetes.txt
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
		parts := strings.SplitN(text, "-----\n", 3)
		text = parts[0]
		json, err := yaml.YAMLToJSON([]byte(text))
		answer := string(json)
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s-----\n%s\n", text, answer)
		if len(parts) == 3 {
			fmt.Printf("-----\n%s", parts[2])
		}
		fmt.Print("=====\n")
	}
}
