using 'main.bicep'

param systemTopicName = readEnvironmentVariable('SMS_SYSTEM_TOPIC')
param functionAppName = readEnvironmentVariable('SMS_FUNCTION_APP')
param storageAccountName = readEnvironmentVariable('SMS_STORAGE_ACCOUNT')
param deadLetterContainer = readEnvironmentVariable('SMS_DEAD_LETTER_CONTAINER')
