"""Pages outside of any tenant about people: log-in, account, invitations, single sign-on."""
