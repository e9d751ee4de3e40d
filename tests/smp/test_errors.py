import smp.errors
from smp.errors import SmpError, SmpUnavailable


def tree(error):
    return {error}.union(*(tree(child) for child in error.__subclasses__()))


def test_every_error_has_a_code_of_its_own():
    errors = tree(SmpError) - {SmpError}
    assert len({error.code for error in errors}) == len(errors)


def test_only_an_unavailable_network_is_worth_a_retry():
    assert {error for error in tree(SmpError) if not error.permanent} == {SmpUnavailable}


def test_the_docstring_shows_the_whole_tree():
    shown = smp.errors.__doc__
    for error in tree(SmpError) - {SmpError}:
        assert error.__name__ in shown
        assert error.code in shown
