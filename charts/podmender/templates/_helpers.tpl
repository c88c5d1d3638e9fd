{{- define "podmender.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "podmender.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "podmender.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "podmender.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "podmender.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "podmender.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podmender.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{- /* Labels of every object but the test pod, which must not be taken for the agent. */ -}}
{{- define "podmender.labels" -}}
{{ include "podmender.selectorLabels" . }}
{{ include "podmender.sharedLabels" . }}
{{- end }}

{{- define "podmender.sharedLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: podmender
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* An `annotations:` block from commonAnnotations and one more map: (list $ .Values.service.annotations). */ -}}
{{- define "podmender.annotations" -}}
{{- $own := index . 1 | default dict }}
{{- with merge (deepCopy $own) (index . 0).Values.commonAnnotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "podmender.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- if $image.tag }}{{ printf "%s:%s@%s" $image.repository $image.tag $image.digest }}{{ else }}{{ printf "%s@%s" $image.repository $image.digest }}{{ end }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- /* What the schema cannot know (the release's namespace), and what it can, again: the schema may be skipped. */ -}}
{{- define "podmender.validate" -}}
{{- range $namespace := .Values.rbac.namespaces }}
{{- if contains "*" $namespace }}
{{- fail (printf "rbac.namespaces: %q is a wildcard; name each namespace, the agent never looks after all of them" $namespace) }}
{{- end }}
{{- if has $namespace (list "kube-system" "kube-public" "kube-node-lease") }}
{{- fail (printf "rbac.namespaces: %q belongs to the cluster; the agent never touches it" $namespace) }}
{{- end }}
{{- if eq $namespace $.Release.Namespace }}
{{- fail (printf "rbac.namespaces: %q is the namespace of this release; the agent never mends itself. Install it into a namespace of its own" $namespace) }}
{{- end }}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $namespace) }}
{{- fail (printf "rbac.namespaces: %q is not the name of a namespace" $namespace) }}
{{- end }}
{{- end }}
{{- if ne (len .Values.rbac.namespaces) (len (uniq .Values.rbac.namespaces)) }}
{{- fail "rbac.namespaces names a namespace twice" }}
{{- end }}
{{- if and .Values.rbac.observeOnly .Values.rbac.rolloutRestart }}
{{- fail "rbac.observeOnly grants nothing that changes a workload, rbac.rolloutRestart does: set one of them" }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name is needed when serviceAccount.create is false: the agent never runs as the default account" }}
{{- end }}
{{- if and .Values.existingSecretKeys (not .Values.existingSecret) }}
{{- fail "existingSecretKeys names keys of existingSecret, which is empty" }}
{{- end }}
{{- if and (eq .Values.slack.interactions "http") (not .Values.existingSecret) }}
{{- fail "slack.interactions is http, and existingSecret, which must hold SLACK_SIGNING_SECRET, is empty: nothing that comes in could be proved" }}
{{- end }}
{{- if and (eq .Values.slack.interactions "http") (eq (int .Values.slack.http.port) 8080) }}
{{- fail "slack.http.port is the port of metrics and probes; take another" }}
{{- end }}
{{- if and (eq .Values.slack.interactions "http") (gt (int .Values.replicaCount) 1) }}
{{- fail "slack.interactions is http, and replicaCount more than 1: a replica that stands by does not listen for Slack. Use Socket Mode, or one replica" }}
{{- end }}
{{- if .Values.slack.http.ingress.enabled }}
{{- if ne .Values.slack.interactions "http" }}
{{- fail "slack.http.ingress needs slack.interactions: http; with Socket Mode nothing comes in" }}
{{- end }}
{{- if not .Values.slack.http.ingress.host }}
{{- fail "slack.http.ingress.host is needed: the host that Slack calls" }}
{{- end }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor would scrape the agent twice: enable one of them" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor needs service.enabled; without a Service use podMonitor" }}
{{- end }}
{{- end }}

{{- /* The value of the label `agent`, by which rules and dashboard tell two agents apart. */ -}}
{{- define "podmender.agent" -}}
{{ .Release.Namespace }}/{{ include "podmender.fullname" . }}
{{- end }}

{{- define "podmender.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: PODMENDER_NAMESPACES
  value: {{ join "," .Values.rbac.namespaces | quote }}
{{- if gt (int .Values.replicaCount) 1 }}
- name: PODMENDER_LEASE
  value: {{ include "podmender.fullname" . }}
{{- end }}
- name: PODMENDER_BIND
  value: {{ printf "%s:8080" .Values.bindAddress | quote }}
{{- if .Values.existingSecret }}
- name: PODMENDER_SECRETS_DIR
  value: /etc/podmender/secrets
{{- end }}
- name: PODMENDER_SLACK_INTERACTIONS
  value: {{ .Values.slack.interactions | quote }}
- name: PODMENDER_SLACK_API_URL
  value: {{ .Values.slack.apiUrl | quote }}
{{- if eq .Values.slack.interactions "http" }}
- name: PODMENDER_SLACK_BIND
  value: {{ printf "%s:%v" .Values.bindAddress .Values.slack.http.port | quote }}
{{- end }}
- name: PODMENDER_LOG_FORMAT
  value: {{ .Values.logFormat | quote }}
- name: RUST_LOG
  value: {{ .Values.logLevel | quote }}
- name: MALLOC_ARENA_MAX
  value: "1"
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The name of what belongs to Slack's requests, which never share a Service with metrics. */ -}}
{{- define "podmender.slackName" -}}
{{ include "podmender.fullname" . }}-slack
{{- end }}

{{- define "podmender.volumeMounts" -}}
- name: kube-api-access
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- if .Values.existingSecret }}
- name: secrets
  mountPath: /etc/podmender/secrets
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "podmender.volumes" -}}
- name: kube-api-access
  projected:
    defaultMode: 0444
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                apiVersion: v1
                fieldPath: metadata.namespace
{{- if .Values.existingSecret }}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
    {{- with .Values.existingSecretKeys }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What the agent may do in a namespace that it looks after. Nothing else is granted anywhere; rbac/role.yaml is this, rendered. */ -}}
{{- define "podmender.scopedRules" -}}
{{- $rbac := (index . 0).Values.rbac -}}
- apiGroups: [""]
  resources: [pods, events, resourcequotas]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [{{ index . 1 }}]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [podmender.io]
  resources: [agentpolicies]
  verbs: [get, list, watch]
- apiGroups: [podmender.io]
  resources: [approvals]
  verbs: [get, list, watch, create, attest]
- apiGroups: [podmender.io]
  resources: [incidents]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [podmender.io]
  resources: [agentpolicies/status, approvals/status, incidents/status]
  verbs: [patch]
{{- if not $rbac.observeOnly }}
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
{{- if $rbac.rolloutRestart }}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
{{- end }}
{{- end }}
