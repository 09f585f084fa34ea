"""The secrets of a data directory stay what they are, also when a newer version needs one more."""

import json
from pathlib import Path

from infra.local.keys import Keys


def test_keys_are_made_once_and_a_new_one_joins_the_old(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = Keys.kept_in(file)
    kept = json.loads(file.read_text(encoding="ascii"))
    del kept["supply_chain"], kept["storage"]
    file.write_text(json.dumps(kept), encoding="ascii")

    completed = Keys.kept_in(file)

    assert len(completed.supply_chain) == 32
    assert completed.algolia_admin == made.algolia_admin
    assert completed.users.private_numbers() == made.users.private_numbers()
    kept_again = Keys.kept_in(file)
    assert kept_again.supply_chain == completed.supply_chain
    assert kept_again.storage.private_numbers() == completed.storage.private_numbers()
    assert file.stat().st_mode & 0o077 == 0
