"""The Helm chart, as `helm lint --strict` and `helm template` would look at it: its values against their schema, its templates
rendered by Go's own engine with the functions that Helm has (tests/helm/render.go), and what comes out against the types of
Kubernetes 1.30 by the TypeScript compiler: unknown fields, missing ones and wrong types are errors. It is no Helm, and no
cluster has seen the result."""
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

from support.js import NODE
from support.server import ROOT

CHART = ROOT / "deploy/helm/wrenn"
BUILD = ROOT / "build/helm"
MODULES = ROOT / "tests/js/node_modules"
KEY = "00112233445566778899aabbccddeeff" * 2
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
# Kind to the module of kubernetes-types that describes it.
KINDS = {
    ("v1", "Secret"): "core/v1", ("v1", "Service"): "core/v1", ("v1", "PersistentVolumeClaim"): "core/v1",
    ("apps/v1", "Deployment"): "apps/v1", ("apps/v1", "DaemonSet"): "apps/v1",
    ("networking.k8s.io/v1", "Ingress"): "networking/v1", ("networking.k8s.io/v1", "NetworkPolicy"): "networking/v1",
    ("policy/v1", "PodDisruptionBudget"): "policy/v1",
}


@pytest.fixture(scope="session")
def renderer():
    program = BUILD / "render"
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(program), str(ROOT / "tests/helm/render.go")], check=True,
                   env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(BUILD / "cache"),
                        "GOFLAGS": "-buildvcs=false"})
    return program


@pytest.fixture(scope="session")
def javascript():
    subprocess.run([str(ROOT / "scripts/js.sh")], check=True, stdout=subprocess.DEVNULL)
    return MODULES


def merged(values):
    """As Helm merges values over those of the chart."""
    def merge(into, more):
        for key, value in more.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value
        return into
    return merge(yaml.safe_load((CHART / "values.yaml").read_text()), values)


def check_values(values):
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(merged(values), schema)


def render(renderer, values, release="prod"):
    """Every document, by kind and name; an error as Helm would say it."""
    check_values(values)
    file = BUILD / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = subprocess.run([str(renderer), str(CHART), release, "sandboxes", str(file)], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    documents = {}
    for name, text in json.loads(done.stdout).items():
        assert "<no value>" not in text, name
        if not name.endswith(".yaml"):
            continue
        for document in yaml.safe_load_all(text):
            if document is None:
                continue
            key = (document["kind"], document["metadata"]["name"])
            assert key not in documents, f"{key} is there twice"
            documents[key] = document
    return documents


def only(documents, kind):
    found = [document for (of, _), document in documents.items() if of == kind]
    assert len(found) == 1, f"{kind}: {sorted(documents)}"
    return found[0]


def type_check(modules, documents):
    """What the TypeScript compiler says of them; "" when all is well."""
    lines = []
    for index, document in enumerate(documents):
        module = KINDS[(document["apiVersion"], document["kind"])]
        lines.append(f"import type {{ {document['kind']} as K{index} }} from 'kubernetes-types/{module}';\n"
                     f"export const m{index}: K{index} = {json.dumps(document, indent=1)};\n")
    directory = modules.parent / ".helm-check"
    directory.mkdir(exist_ok=True)
    file = directory / "manifests.ts"
    file.write_text("".join(lines))
    (directory / "tsconfig.json").write_text(json.dumps({"files": [file.name], "compilerOptions": {
        "noEmit": True, "strict": True, "skipLibCheck": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
        "types": []}}))
    done = subprocess.run([str(NODE), str(modules / "typescript/bin/tsc"), "--project", str(directory)],
                          text=True, capture_output=True, check=False)
    assert (done.returncode == 0) == (done.stdout == ""), done.stdout + done.stderr
    return done.stdout


def check_references(documents):
    """What the parts say of each other."""
    names = {kind: {name for of, name in documents if of == kind} for kind in ("Service", "Secret", "PersistentVolumeClaim")}
    for document in documents.values():
        assert document["metadata"]["namespace"] == "sandboxes"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", document["metadata"]["name"])
        if document["kind"] in ("Deployment", "DaemonSet"):
            pod = document["spec"]["template"]
            assert document["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            for container in pod["spec"]["containers"]:
                assert {mount["name"] for mount in container["volumeMounts"]} == volumes
                variables = [entry["name"] for entry in container["env"]]
                assert len(variables) == len(set(variables)), "a variable is set twice"
            for volume in pod["spec"]["volumes"]:
                if claim := volume.get("persistentVolumeClaim"):
                    assert claim["claimName"] in names["PersistentVolumeClaim"]
    deployment = only(documents, "Deployment")
    ports = {port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    service = only(documents, "Service")
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    for (kind, _), document in documents.items():
        if kind == "Ingress":
            for rule in document["spec"]["rules"]:
                backend = rule["http"]["paths"][0]["backend"]["service"]
                assert backend["name"] in names["Service"]
                assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize("file", VALUES, ids=lambda file: file.name)
def test_renders_what_kubernetes_takes(renderer, javascript, file):
    documents = render(renderer, yaml.safe_load(file.read_text()))
    check_references(documents)
    said = type_check(javascript, documents.values())
    assert said == "", said


def test_the_check_finds_what_is_wrong(renderer, javascript):
    """Unknown fields, missing ones and wrong types: else the test above could not fail."""
    documents = render(renderer, yaml.safe_load((CHART / "ci/sqlite-values.yaml").read_text()))

    def broken(change):
        deployment = json.loads(json.dumps(only(documents, "Deployment")))
        change(deployment["spec"])
        return type_check(javascript, [deployment])
    assert "'\"replica\"' does not exist" in broken(lambda spec: spec.update(replica=1))
    assert "Property 'selector' is missing" in broken(lambda spec: spec.pop("selector"))
    assert "not assignable to type 'number'" in broken(lambda spec: spec.update(replicas="1"))
    assert "does not exist" in broken(lambda spec: spec["template"]["spec"]["containers"][0]["readinessProbe"].update(http={}))


def test_sqlite_is_one_replica_with_a_volume(renderer):
    documents = render(renderer, {"controlPlane": {"secrets": {"encryptionKey": KEY}}})
    deployment = only(documents, "Deployment")
    assert deployment["spec"]["replicas"] == 1 and deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert only(documents, "PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteOnce"]
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert "WRENN_DATABASE_URL" not in [entry["name"] for entry in container["env"]]
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert not [kind for kind, _ in documents if kind in ("DaemonSet", "PodDisruptionBudget", "Ingress")]


def test_everything_turned_on(renderer):
    documents = render(renderer, yaml.safe_load((CHART / "ci/full-values.yaml").read_text()))
    assert sorted({kind for kind, _ in documents}) == ["DaemonSet", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget",
                                                       "Secret", "Service"]
    # Secrets are in the secret, as they were given, and nowhere else.
    secret = only(documents, "Secret")
    assert secret["stringData"]["smtp-password"] == 'quotes " and: colons'
    assert secret["stringData"]["database-url"].startswith("postgres://wrenn:p%22ss@")
    others = json.dumps([document for (kind, _), document in documents.items() if kind != "Secret"])
    for value in secret["stringData"].values():
        assert json.dumps(value)[1:-1] not in others
    agent = only(documents, "DaemonSet")["spec"]["template"]["spec"]
    assert agent["hostNetwork"] and agent["containers"][0]["securityContext"] == {"privileged": True}
    assert {"path": "/var/lib/wrenn", "type": "DirectoryOrCreate"} in [volume.get("hostPath") for volume in agent["volumes"]]
    env = {entry["name"]: entry.get("value") for entry in agent["containers"][0]["env"]}
    assert env["WRENN_HOST_ADDRESS"] == "$(NODE_IP):50051" and env["WRENN_CP_URL"] == "https://wrenn.example.com"
    assert only(documents, "PodDisruptionBudget")["spec"]["minAvailable"] == 2
    hosts = [rule["host"] for rule in only(documents, "Ingress")["spec"]["rules"]]
    assert hosts == ["wrenn.example.com", "*.sandboxes.example.com"]


@pytest.mark.parametrize("values, says", [
    ({"controlPlane": {"replicas": 2, "secrets": {"encryptionKey": KEY}}}, "set controlPlane.database.kind to postgres"),
    ({}, "controlPlane.secrets.encryptionKey is missing"),
    ({"controlPlane": {"database": {"kind": "postgres"}, "secrets": {"encryptionKey": KEY}}}, "controlPlane.secrets.databaseUrl is missing"),
    ({"controlPlane": {"secrets": {"encryptionKey": KEY, "databaseUrl": "postgres://db/x"}}}, "set the kind to postgres"),
    ({"controlPlane": {"secrets": {"encryptionKey": KEY}, "metrics": {"enabled": True}}}, "metricsToken is missing"),
    ({"controlPlane": {"secrets": {"encryptionKey": KEY}, "ingress": {"enabled": True}}}, "ingress.host is missing"),
    ({"controlPlane": {"secrets": {"encryptionKey": KEY}}, "agent": {"enabled": True}}, "agent.registration.existingSecret is missing"),
    ({"controlPlane": {"secrets": {"encryptionKey": KEY}, "env": {"SMTP_PASSWORD": "x"}}}, "would be in the open"),
])
def test_what_cannot_work_is_refused(renderer, values, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        render(renderer, values)


@pytest.mark.parametrize("values", [
    {"controlplane": {}}, {"controlPlane": {"replicas": 0}}, {"controlPlane": {"replicas": "2"}},
    {"controlPlane": {"database": {"kind": "mysql"}}}, {"controlPlane": {"secrets": {"encryptionKey": "abc"}}},
    {"controlPlane": {"env": {"lower": "x"}}}, {"agent": {"port": 70000}}, {"agent": {"directory": "relative"}},
])
def test_values_that_are_none_are_refused(values):
    with pytest.raises(jsonschema.ValidationError):
        check_values(values)


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = (ROOT / "VERSION").read_text().strip()
    assert chart["version"] == chart["appVersion"] == version
