add_dependencies(test_webhook notifier-webhook)
