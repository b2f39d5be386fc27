"""Root keys of the keyring: in files, in a PKCS#11 token, or in Vault. Which store, and what its word is worth: docs/keys.md."""
