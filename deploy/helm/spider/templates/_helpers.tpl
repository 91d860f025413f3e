{{- define "spider.labels" -}}
app.kubernetes.io/name: spider
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "spider.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "spider.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "spider.databaseHost" -}}
{{- if has "database" .Values.spiderConfig.bundled -}}
{{ .Release.Name }}-database
{{- else -}}
{{ required "spiderConfig.database.host: name your database, or bundle one" .Values.spiderConfig.database.host }}
{{- end -}}
{{- end }}

{{- define "spider.secretName" -}}
{{ .Values.spiderConfig.database.existingSecret | default (printf "%s-database" .Release.Name) }}
{{- end }}

{{- define "spider.schedulerHost" -}}
{{ .Release.Name }}-{{ ternary "storage" "scheduler" .Values.spiderConfig.scheduler.embedded }}
{{- end }}

{{- define "spider.schedulerPort" -}}
{{ ternary .Values.spiderConfig.storage.port .Values.spiderConfig.scheduler.port .Values.spiderConfig.scheduler.embedded }}
{{- end }}

{{- define "spider.storageConfig" -}}
host: 0.0.0.0
# Network policies say who reaches it; docs/security.md says how it asks who calls.
insecure: true
port: {{ .Values.spiderConfig.storage.port }}
scheduler:
  embedded: {{ .Values.spiderConfig.scheduler.embedded }}
runtime:
  db:
    engine: mysql
    host: {{ include "spider.databaseHost" . }}
    port: {{ .Values.spiderConfig.database.port }}
    name: {{ .Values.spiderConfig.database.name }}
    max_connections: {{ .Values.spiderConfig.storage.max_connections }}
{{- end }}

{{- define "spider.schedulerConfig" -}}
host: 0.0.0.0
# Network policies say who reaches it; docs/security.md says how it asks who calls.
insecure: true
port: {{ .Values.spiderConfig.scheduler.port }}
storage_endpoint:
  host: {{ .Release.Name }}-storage
  port: {{ .Values.spiderConfig.storage.port }}
{{- end }}

{{- define "spider.workerConfig" -}}
storage:
  host: {{ .Release.Name }}-storage
  port: {{ .Values.spiderConfig.storage.port }}
scheduler:
  host: {{ include "spider.schedulerHost" . }}
  port: {{ include "spider.schedulerPort" . }}
slots: {{ .Values.spiderConfig.worker.slots }}
drain_timeout_sec: {{ .Values.spiderConfig.worker.drain_timeout_sec }}
task_executor:
  package_dir: {{ .Values.spiderConfig.worker.package_dir }}
  inherited_env: {{ .Values.spiderConfig.worker.inherited_env | toJson }}
{{- end }}

{{- define "spider.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "spider.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "spider.scratch" -}}
- { name: tmp, mountPath: /tmp }
- { name: cache, mountPath: /var/cache/spider }
{{- end }}

{{- define "spider.scratchVolumes" -}}
- { name: tmp, emptyDir: {} }
- { name: cache, emptyDir: {} }
{{- end }}
