{{- define "callscope.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "callscope.hub" -}}{{ include "callscope.name" . }}-hub{{- end -}}
{{- define "callscope.node" -}}{{ include "callscope.name" . }}-node{{- end -}}

{{- define "callscope.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "callscope.labels" -}}
app.kubernetes.io/name: callscope
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "callscope.select" -}}
app.kubernetes.io/name: callscope
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "callscope.hubAccount" -}}
{{- .Values.serviceAccounts.hub | default (include "callscope.hub" .) -}}
{{- end -}}
{{- define "callscope.nodeAccount" -}}
{{- .Values.serviceAccounts.node | default (include "callscope.node" .) -}}
{{- end -}}
{{- define "callscope.hubSecret" -}}
{{- if .Values.certificates.create -}}{{ include "callscope.hub" . }}-certificates{{- else -}}
{{- required "certificates.hubSecret: a Secret with ca.crt, tls.crt, tls.key, or certificates.create" .Values.certificates.hubSecret -}}{{- end -}}
{{- end -}}
{{- define "callscope.nodeSecret" -}}
{{- if .Values.certificates.create -}}{{ include "callscope.node" . }}-certificates{{- else -}}
{{- required "certificates.nodeSecret: a Secret with ca.crt, tls.crt, tls.key, or certificates.create" .Values.certificates.nodeSecret -}}{{- end -}}
{{- end -}}
{{- define "callscope.tokens" -}}
{{- if .Values.tokens.create -}}{{ include "callscope.name" . }}-tokens{{- else -}}
{{- required "tokens.secret: a Secret with a key tokens, or tokens.create" .Values.tokens.secret -}}{{- end -}}
{{- end -}}

{{/* What the hub may read: who has an address, and who owns it. Nothing else, and nothing to write. */}}
{{- define "callscope.rules" -}}
- apiGroups: [""]
  resources: [pods, services{{ if not .Values.namespaces }}, nodes, namespaces{{ end }}]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [replicasets, deployments, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch]
{{- range .Values.owners }}
{{- $parts := splitList "/" . }}
- apiGroups: [{{ index $parts 0 }}]
  resources: [{{ index $parts 2 }}]
  verbs: [get, list, watch]
{{- end }}
{{- end -}}

{{/* What the nodes' program may do beside what every program may; docs/HELM.md says what for. */}}
{{- define "callscope.capabilities" -}}
{{- $all := list "NET_RAW" -}}
{{- if or .Values.node.processes .Values.node.tls -}}
{{- $all = concat $all (list "BPF" "DAC_READ_SEARCH" "NET_ADMIN" "PERFMON" "SYS_PTRACE") -}}
{{- end -}}
{{- if .Values.node.tls -}}{{- $all = concat $all (list "CHECKPOINT_RESTORE") -}}{{- end -}}
{{- $all | sortAlpha | toJson -}}
{{- end -}}
