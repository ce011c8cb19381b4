// The settings that somebody who deploys may choose; what is left out has the app's own default.
@export()
type SmsSettings = {
  SMS_DEFAULT_SENDER: string
  SMS_SENDERS: string
  SMS_DEFAULT_REGION: string?
  SMS_DAILY_SEGMENTS_BY_CALLER: string?
  SMS_REQUESTS_PER_MINUTE: string?
  SMS_RECIPIENT_TEXTS_PER_HOUR: string?
  SMS_OPT_OUT_SCOPE: ('sender' | 'all')?
  SMS_OPT_OUT_REPLY: string?
  SMS_OPT_IN_REPLY: string?
  SMS_HELP_REPLY: string?
  SMS_RELAY_SCHEMA: ('eventGrid' | 'cloudEvents')?
  SMS_WEBHOOK_URL: string?
  SMS_WEBHOOK_SECRETS: string?
  SMS_TABLE_PREFIX: string?
  SMS_QUEUE_PREFIX: string?
  SMS_IDEMPOTENCY_HOURS: string?
  SMS_REPEAT_WINDOW_SECONDS: string?
  SMS_RESPONSE_WINDOW_HOURS: string?
  SMS_SEND_WITHIN_MINUTES: string?
  SMS_REPORT_WITHIN_HOURS: string?
  SMS_QUIET_HOURS: string?
  SMS_COUNTRIES: string?
  SMS_PRICES: string?
}
