// Renders a Helm chart as Helm's own engine does: text/template of Go with the functions of sprig, and include, toYaml, required
// and their like. It is not Helm: there is no cluster to look into (no lookup, no capabilities beyond a version), no
// dependencies, no hooks, and values are not held against their schema here. A value that does not exist is an error, as
// it is for `helm lint --strict`.
//
//	render CHART RELEASE NAMESPACE [VALUES.yaml...]     prints {"TEMPLATE": "TEXT", ...}; status 1 and one line on failure
//
// Built from Debian's packages alone: GO111MODULE=off GOPATH=/usr/share/gocode.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

func readYaml(path string) (object, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	value := object{}
	if err := yaml.UnmarshalStrict(text, &value); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// As Helm does it: maps are merged, everything else replaces.
func merge(into, from object) {
	for key, value := range from {
		below, isMap := value.(object)
		old, wasMap := into[key].(object)
		if isMap && wasMap {
			merge(old, below)
		} else {
			into[key] = value
		}
	}
}

func toYaml(value interface{}) (string, error) {
	text, err := yaml.Marshal(value)
	return strings.TrimSuffix(string(text), "\n"), err
}

func functions(t *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	// Helm has neither: a chart must not depend on the machine it is rendered on.
	delete(all, "env")
	delete(all, "expandenv")
	all["toYaml"] = toYaml
	all["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := t.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	all["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	return all
}

func capitalize(chart object) object {
	named := object{}
	for key, value := range chart {
		named[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return named
}

func load(directory string) (*template.Template, []string, error) {
	t := template.New("chart").Option("missingkey=error")
	t.Funcs(functions(t))
	files, err := filepath.Glob(filepath.Join(directory, "templates", "*"))
	if err != nil {
		return nil, nil, err
	}
	sort.Strings(files)
	names := []string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		name := filepath.Base(file)
		if _, err := t.New(name).Parse(string(text)); err != nil {
			return nil, nil, err
		}
		if !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	return t, names, nil
}

func render(directory, release, namespace string, more []string) (map[string]string, error) {
	chart, err := readYaml(filepath.Join(directory, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	values, err := readYaml(filepath.Join(directory, "values.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range more {
		from, err := readYaml(file)
		if err != nil {
			return nil, err
		}
		merge(values, from)
	}
	t, names, err := load(directory)
	if err != nil {
		return nil, err
	}
	data := object{
		"Values":  values,
		"Chart":   capitalize(chart),
		"Release": object{"Name": release, "Namespace": namespace, "Service": "Helm", "IsInstall": true, "IsUpgrade": false, "Revision": 1},
		"Capabilities": object{"KubeVersion": object{"Version": "v1.30.0", "Major": "1", "Minor": "30"}},
	}
	rendered := map[string]string{}
	for _, name := range names {
		var text strings.Builder
		if err := t.ExecuteTemplate(&text, name, data); err != nil {
			return nil, err
		}
		rendered[name] = text.String()
	}
	return rendered, nil
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: render CHART RELEASE NAMESPACE [VALUES.yaml...]")
		os.Exit(2)
	}
	rendered, err := render(os.Args[1], os.Args[2], os.Args[3], os.Args[4:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(rendered)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}
