"""The credentials that the tests use. No other may be written into a test: ``leaks`` looks for these."""

TEST_KEY = "sk-test-0123456789"
TEST_AZURE_KEY = "azure-test-0123456789"
TEST_TOKEN = "eyJ-test-0123456789"
TEST_XAI_KEY = "xai-test-0123456789"

TEST_WEBHOOK_SECRET = "whsec_dGVzdC13ZWJob29rLTAxMjM0NTY3ODk="

ALL = [TEST_KEY, TEST_AZURE_KEY, TEST_TOKEN, TEST_XAI_KEY, TEST_WEBHOOK_SECRET]
