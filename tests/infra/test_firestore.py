"""The database is kept safe, and its indexes, exemptions and ends of documents are the topology's."""

from infra.topology import Topology
from tests.infra.terraform import Plan, Values

_DIRECTIONS = {"ASCENDING": "ASC", "DESCENDING": "DESC"}


def _fields(index: Values) -> tuple[str, ...]:
    """As the topology writes them. A provider may add ``__name__``, which comes last in every index."""
    return tuple(
        f"{field['field_path']} {_DIRECTIONS.get(field['order'], field['array_config'])}"
        for field in index["fields"]
        if field["field_path"] != "__name__"
    )


def test_composite_indexes_are_those_of_the_topology(delivered: Plan, topology: Topology) -> None:
    deployed = delivered.of("google_firestore_index.this").values()
    assert sorted((each["collection"], _fields(each)) for each in deployed) == sorted(
        (index.collection, index.fields) for index in topology.firestore.indexes
    )
    assert {each["query_scope"] for each in deployed} == {"COLLECTION"}


def _configured(delivered: Plan, aspect: str) -> set[tuple[str, str]]:
    fields = [each.values for each in delivered.resources if each.kind == "google_firestore_field"]
    return {(each["collection"], each["field"]) for each in fields if each[aspect]}


def test_fields_that_no_query_touches_have_no_index(delivered: Plan, topology: Topology) -> None:
    exempt = {(each.collection, each.field) for each in topology.firestore.exemptions}
    # Nothing asks for the time at which a document ends, and nearly sequential times would be a hot spot.
    assert _configured(delivered, "index_config") == exempt | set(topology.firestore.ttl.items())


def test_an_exempt_field_keeps_none_of_its_automatic_indexes(delivered: Plan) -> None:
    fields = [each for each in delivered.resources if each.kind == "google_firestore_field"]
    kept = [each.address for each in fields for config in each.values["index_config"] if config["indexes"]]
    assert not kept, "an empty index_config is what takes all indexes away"


def test_documents_end_as_the_topology_says(delivered: Plan, topology: Topology) -> None:
    assert _configured(delivered, "ttl_config") == set(topology.firestore.ttl.items())


def test_a_field_is_configured_once(delivered: Plan) -> None:
    """Two resources for one field undo each other at every apply."""
    fields = [each.values for each in delivered.resources if each.kind == "google_firestore_field"]
    names = [(each["collection"], each["field"]) for each in fields]
    assert len(names) == len(set(names))


def test_the_database_can_be_brought_back_and_not_be_deleted(delivered: Plan) -> None:
    database = delivered.the("google_firestore_database.this")
    assert (database["name"], database["type"]) == ("(default)", "FIRESTORE_NATIVE")
    assert database["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert database["delete_protection_state"] == "DELETE_PROTECTION_ENABLED"
