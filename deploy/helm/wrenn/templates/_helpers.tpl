{{- define "wrenn.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wrenn.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "wrenn.cpSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: control-plane
{{- end -}}

{{- define "wrenn.agentSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "wrenn.cpSecret" -}}
{{- .Values.controlPlane.secrets.existingSecret | default (printf "%s-cp" (include "wrenn.name" .)) -}}
{{- end -}}

{{- define "wrenn.image" -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .chart.AppVersion) -}}
{{- end -}}

{{/* What cannot work is refused here, before anything of it is in the cluster. */}}
{{- define "wrenn.check" -}}
{{- $cp := .Values.controlPlane -}}
{{- $isPostgres := eq $cp.database.kind "postgres" -}}
{{- if and (not $isPostgres) (gt (int $cp.replicas) 1) -}}
{{- fail (printf "controlPlane.replicas is %d, and a database of SQLite belongs to one: set controlPlane.database.kind to postgres, or replicas to 1" (int $cp.replicas)) -}}
{{- end -}}
{{- if not $cp.secrets.existingSecret -}}
{{- if not $cp.secrets.encryptionKey -}}
{{- fail "controlPlane.secrets.encryptionKey is missing: make one with `openssl rand -hex 32`, keep it apart from backups, and give it here or as encryption-key in controlPlane.secrets.existingSecret" -}}
{{- end -}}
{{- if and $isPostgres (not $cp.secrets.databaseUrl) -}}
{{- fail "controlPlane.secrets.databaseUrl is missing: postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full, here or as database-url in controlPlane.secrets.existingSecret" -}}
{{- end -}}
{{- if and (not $isPostgres) $cp.secrets.databaseUrl -}}
{{- fail "controlPlane.secrets.databaseUrl is set and controlPlane.database.kind is sqlite: set the kind to postgres, or leave the address out" -}}
{{- end -}}
{{- if and $cp.metrics.enabled (not $cp.secrets.metricsToken) -}}
{{- fail "controlPlane.secrets.metricsToken is missing: others than the pod itself read /metrics with a token alone (openssl rand -hex 32)" -}}
{{- end -}}
{{- end -}}
{{- if and $cp.ingress.enabled (not $cp.ingress.host) -}}
{{- fail "controlPlane.ingress.host is missing: the name by which others reach the API" -}}
{{- end -}}
{{- if and .Values.agent.enabled (not .Values.agent.registration.existingSecret) -}}
{{- fail "agent.registration.existingSecret is missing: a secret with a token of `wrenn host add NODE` for each node, under the node's name" -}}
{{- end -}}
{{- range $name, $value := $cp.env -}}
{{- if has $name (list "WRENN_ENCRYPTION_KEY" "WRENN_DATABASE_URL" "WRENN_METRICS_TOKEN" "SMTP_PASSWORD" "OAUTH_GITHUB_CLIENT_SECRET") -}}
{{- fail (printf "controlPlane.env.%s would be in the open: give it in controlPlane.secrets" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
