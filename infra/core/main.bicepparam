using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param alertEmail = readEnvironmentVariable('SMS_ALERT_EMAIL', '')
param signInClientId = readEnvironmentVariable('SMS_SIGN_IN_CLIENT_ID', '')
param sms = {
  SMS_DEFAULT_SENDER: readEnvironmentVariable('SMS_DEFAULT_SENDER')
  SMS_SENDERS: readEnvironmentVariable('SMS_SENDERS')
  SMS_DEFAULT_REGION: readEnvironmentVariable('SMS_DEFAULT_REGION', '')
  SMS_COUNTRIES: readEnvironmentVariable('SMS_COUNTRIES', '')
  SMS_PRICES: readEnvironmentVariable('SMS_PRICES', '')
  SMS_QUIET_HOURS: readEnvironmentVariable('SMS_QUIET_HOURS', '')
  SMS_HELP_REPLY: readEnvironmentVariable('SMS_HELP_REPLY', '')
}
