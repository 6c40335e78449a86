"""One table for both kinds of links: the authorization links get their kind, one-time secret links join them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("destinations", "0001_initial")]

    operations = [
        migrations.RenameModel("AuthorizationLink", "CredentialLink"),
        migrations.AddField(
            model_name="credentiallink",
            name="kind",
            field=models.CharField(
                choices=[("authorization", "Authorization link"), ("secret", "One-time secret link")],
                default="authorization",
                max_length=20,
            ),
        ),
    ]
