"""The forms that Studio makes of each graph's input: few fields, each with words that say what belongs there."""

import pytest

from tests.studio.server import CONFIG

FIELDS = {"annotate": ["messages", "id", "source"]}


@pytest.mark.parametrize("name", CONFIG["graphs"])
async def test_a_graphs_form_has_few_fields_and_says_what_belongs_there(name, client):
    (assistant,) = await client.assistants.search(graph_id=name)
    form = (await client.assistants.get_schemas(assistant["assistant_id"]))["input_schema"]
    assert list(form["properties"]) == FIELDS.get(name, ["messages"])
    assert form.get("required", []) in ([], ["messages"])
    for field in form["properties"].values():
        assert field["title"]
        assert field["description"].endswith(".")
        assert field["examples"]
