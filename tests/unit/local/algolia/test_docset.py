from hypothesis import given
from hypothesis import strategies as st

from infra.local.algolia.docset import Postings, bits_of, docs_in, mask_of

SIZE = 200
docs = st.sets(st.integers(0, SIZE - 1))


@given(docs, docs)
def test_sets_of_documents_behave_like_sets(first: set[int], second: set[int]) -> None:
    both = bits_of(first, SIZE) & bits_of(second, SIZE)

    assert docs_in(both, SIZE) == sorted(first & second)
    assert [doc for doc, inside in enumerate(mask_of(both, SIZE)) if inside] == sorted(first & second)


@given(docs, docs)
def test_postings_count_the_documents_of_a_set(members: set[int], chosen: set[int]) -> None:
    postings = Postings()
    for doc in sorted(members):
        postings.add(doc)
        postings.bits()

    bits = bits_of(chosen, SIZE)

    assert docs_in(postings.bits(), SIZE) == sorted(members)
    assert postings.count_in(bits, mask_of(bits, SIZE)) == len(members & chosen)
