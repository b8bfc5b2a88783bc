from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import SpecError
from datamix.filters.predicate import parse_predicate

KINDS = {
    "words": "integer", "quality": "float", "other": "float", "domain": "text", "host": "text", "kept": "boolean",
    "created": "time", "reasons": "list", "text_hash": "other", 'odd"name': "integer",
}  # fmt: skip
ROWS = """(VALUES
    (0, 40, 0.5::FLOAT, 0.2::DOUBLE, 'web', 'a.org', true, TIMESTAMP '2020-03-01', ['x']),
    (1, 60, 0.7::FLOAT, 0.9::DOUBLE, 'it''s', 'b.com', false, TIMESTAMP '2021-01-01', []),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 90, 'nan'::FLOAT, 'nan'::DOUBLE, 'code', 'c.ORG', true, TIMESTAMP '2019-12-31', ['y', 'x']),
    (4, -5, 'inf'::FLOAT, '-inf'::DOUBLE, '', '', false, TIMESTAMP '1969-01-01', [NULL])
) AS t(n, words, quality, other, domain, host, kept, created, reasons)"""


def selected(predicate: str, kinds: dict[str, str] | list[str] = KINDS) -> list[int]:
    sql = parse_predicate(predicate, kinds, {"min": 50, "good": 0.7, "place": "it's"}).sql
    return [n for (n,) in duckdb.execute(f"SELECT n FROM {ROWS} WHERE {sql} ORDER BY n").fetchall()]


@pytest.mark.parametrize(
    ("predicate", "rows"),
    [
        ("words >= min", [1, 3]),
        ("50 <= words", [1, 3]),
        ("words >= min + 10 * 4", [3]),
        ("words between 40 and 60", [0, 1]),
        ("not words between 40 and 60", [3, 4]),
        ("not (kept or words = -5)", [1]),
        ("domain = place", [1]),
        ("domain in ('web', 'code')", [0, 3]),
        ("domain not in ('web', 'code')", [1, 4]),
        ("not kept", [1, 4]),
        ("kept and quality is not null", [0]),
        ("quality is null", [2, 3]),
        ("quality >= good", [1, 4]),
        ("quality >= 7e-1", [1, 4]),
        ("quality > 0.6", [1, 4]),
        ("quality <> 0.5", [1, 4]),
        ("quality < 0.6", [0]),
        ("not quality < 0.6", [1, 4]),
        ("quality not in (0.5)", [1, 4]),
        ("quality > other", [0, 4]),
        ("quality < other", [1]),
        ("not quality > other", [1]),
        ("quality = quality", [0, 1, 4]),
        ("coalesce(quality, 1) > 0.6", [1, 2, 3, 4]),
        ("coalesce(words, quality) > 50", [1, 3]),
        ("coalesce(quality, words) > 0.6", [1, 3, 4]),
        ("quality + other > 0.5", [0, 1]),
        ("words / 0 > 0", [0, 1, 3]),
        ("host ilike '%.org'", [0, 3]),
        ("host not like '%.org'", [1, 3, 4]),
        ("not host not ilike '%.org'", [0, 3]),
        ("lower(host) like '%.org' and length(host) = 5", [0, 3]),
        ("created >= '2020-01-01'", [0, 1]),
        ("created < date '2020-03-01'", [3, 4]),
        ("year(created) = 2020", [0]),
        ("created <= cast('2020-03-01 00:00' as timestamp)", [0, 3, 4]),
        ("cast(domain as double) = 1 or domain = ''", [4]),
        ("list_contains(reasons, 'x')", [0, 3]),
        ("length(reasons) = 0", [1]),
        ("abs(words) = 5", [4]),
        ("round(words / 100, 1) = 0.6", [1]),
    ],
)
def test_rows_that_a_predicate_selects(predicate: str, rows: list[int]) -> None:
    assert selected(predicate) == rows


def test_nan_is_missing_where_only_names_are_known() -> None:
    names = list(KINDS)
    assert selected("quality > 0.6", names) == [1, 4]
    assert selected("not quality <= 0.6", names) == [1, 4]
    assert selected("quality not between 0.6 and 0.8", names) == [0, 4]


def test_float_threshold_is_compared_in_the_columns_own_type() -> None:
    assert selected("quality = 0.7") == [1]
    assert selected("quality between 0.7 and 0.7") == [1]


def test_a_quoted_name_is_the_column_and_a_bare_name_the_parameter() -> None:
    predicate = parse_predicate('"words" > words', ["words"], {"words": 3})
    assert predicate.columns == ("words",)
    assert [t.text for t in predicate.comparisons[0].thresholds] == ["3"]


def test_quotes_in_names_stay_inside_the_name() -> None:
    assert parse_predicate('"odd""name" = 1', KINDS).sql == '("odd""name" = 1)'


def test_comparisons_are_the_leaves_with_negation_pushed_down() -> None:
    predicate = parse_predicate("not (words < 5 or kept and domain in ('a', 'b'))", KINDS)
    leaves = [(c.value.text, c.op, [t.text for t in c.thresholds]) for c in predicate.comparisons]
    assert leaves == [("words", ">=", ["5"]), ("kept", "<>", ["true"]), ("domain", "not in", ["a", "b"])]
    assert predicate.columns == ("words", "kept", "domain")


def test_a_carried_column_is_compared_as_a_number_by_a_cast() -> None:
    assert parse_predicate("try_cast(domain as double) >= 3", KINDS).columns == ("domain",)


def test_required_are_the_columns_without_a_meaning_for_null() -> None:
    predicate = parse_predicate("quality is null or coalesce(other, 0) + 1 > words and quality > 0.5", KINDS)
    assert predicate.columns == ("quality", "other", "words")
    assert [column.name for column in predicate.required] == ["words"]


REFUSED = [
    ("qualty > 3", "did you mean 'quality'"),
    ("Words > 3", "did you mean 'words'"),
    ("quality = null", "IS NULL"),
    ("words > 1 -- x", "comments"),
    ("words /* x */ > 1", "comments"),
    ("words > 1; drop table documents", "`;`"),
    ("words > 1;", "`;`"),
    ("words = 'abc'", "can't be compared"),
    ("domain = 3", "can't be compared with 3 (integer); write `try_cast(domain as double)`"),
    ("kept > 3", "can't be compared"),
    ("created > '2020'", "write one like"),
    ("created > words", "can't be compared"),
    ("text_hash = 'x'", "can't be compared"),
    ("reasons = 'x'", "can't be compared"),
    ("words", "can't be compared"),
    ("exists (select 1)", "not allowed"),
    ("words in (select 1)", "not allowed"),
    ("words > (select 1)", "not allowed"),
    ("words > all (select 1)", "not allowed"),
    ("sum(words) > 1", "not allowed"),
    ("random() > 0.5", "not allowed"),
    ("now() > created", "not allowed"),
    ("current_date > created", "not allowed"),
    ("domain = getenv('HOME')", "not allowed"),
    ("domain = read_text('/etc/passwd')", "not allowed"),
    ("documents.words > 1", "not allowed"),
    ("columns(*) > 1", "not allowed"),
    ("*", "not a comparison"),
    ("1 = 1", "name a column"),
    ("true", "not a comparison"),
    ("kept is true", "IS stands before NULL"),
    ("words::int = 3", "cast"),
    ("cast(words as varchar) = '3'", "cast"),
    ("(words, quality) = (1, 2)", "not allowed"),
    ("case when kept then true end", "not allowed"),
    ("words > 1 union select 1", "not one SQL condition"),
    ("words > 1 limit 3", "not one SQL condition"),
    ("copy documents to 'x'", "not one SQL condition"),
    ("attach 'x'", "not one SQL condition"),
    ("words > $min", "bare name"),
    ("words > ?", "bare name"),
    ("reasons[1] = 'x'", "not allowed"),
    ("domain = 'x", "quote is not closed"),
    ("domain = E'x'", "not allowed"),
    ("domain ~ '(a+)+$'", "not allowed"),
    ("domain similar to 'x'", "not a comparison"),
    ("host like 'a' escape 'b'", "not a comparison"),
    ("host like domain", "constant text"),
    ("words > 99999999999999999999", "64 bits"),
    ("words > 1 / 0", "no value"),
    ("words between quality and 3", "constants"),
    ("words > quality > 1", "not allowed"),
    ("length(words) > 1", "takes text or list"),
    ("lower(distinct host) = 'x'", "not allowed"),
    ("min(words) over () > 1", "not allowed"),
    ("words + domain > 1", "not a number"),
    ("coalesce(words, domain) = 1", "one kind"),
    ("list_contains(reasons, 3)", "takes text"),
    ("words in (1, null)", "IS NULL"),
    ("words between symmetric 3 and 1", "not allowed"),
    ("host like any ('a', 'b')", "not allowed"),
    ("words in reasons", "not allowed"),
    ("words > 1 collate nocase", "not allowed"),
    ("", "empty"),
    ("words > 1\0", "control characters"),
    ("(" * 500 + "kept" + ")" * 500, "nested"),
    ("not " * 500 + "kept", "nested"),
    ("words > " + "-" * 400 + "1", "comments"),
    ("words > " + "- " * 400 + "1", "nested"),
    ("kept or " * 5000 + "kept", "characters"),
]


@pytest.mark.parametrize(("predicate", "message"), REFUSED)
def test_refused_with_a_sentence(predicate: str, message: str) -> None:
    with pytest.raises(SpecError, match=r".") as caught:
        parse_predicate(predicate, KINDS, {"min": 1})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_parameter_is_a_constant_whatever_it_holds() -> None:
    hostile = "x' OR 1=1; DROP TABLE documents; --"
    predicate = parse_predicate("domain = place", KINDS, {"place": hostile})
    rows = duckdb.execute(f"SELECT domain = ? FROM (SELECT ? AS domain) WHERE {predicate.sql}", [hostile, hostile])
    assert rows.fetchall() == [(True,)]
    with pytest.raises(SpecError, match="NaN"):
        parse_predicate("quality > min", KINDS, {"min": math.nan})
    assert parse_predicate("quality < max", KINDS, {"max": math.inf}).sql == "(\"quality\" < 'inf'::FLOAT)"


WORDS = [
    "words", "quality", "kept", "domain", '"words"', "'x'", "''", "'", "1", "-1", "1e400", "(", ")", ",", ";", "--",
    "/*", "*/", "=", "<>", ">", "and", "or", "not", "in", "between", "is", "null", "select", "from", "case",
    "when", "end", "union", "cast", "as", "::", "int", "date", "lower", "read_csv", "*", ".", "$1", "?", "[", "]", "{",
    "\\", "E'", "$$", "x'", "@", "%", "like", "escape", "exists", "over", "filter", "where", "->", "interval", "é",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_any_text_is_refused_or_becomes_one_harmless_condition(words: list[str]) -> None:
    try:
        predicate = parse_predicate(" ".join(words), KINDS)
    except SpecError:
        return
    statements = duckdb.extract_statements(f"SELECT n FROM {ROWS} WHERE {predicate.sql}")
    assert len(statements) == 1
    assert set(predicate.columns) <= set(KINDS)
    duckdb.execute(statements[0]).fetchall()


@given(st.text(max_size=40))
def test_any_constant_survives_into_sql(value: str) -> None:
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        return
    predicate = parse_predicate("domain = place", KINDS, {"place": value})
    assert duckdb.execute(f"SELECT count(*) FROM (SELECT ? AS domain) WHERE {predicate.sql}", [value]).fetchone() == (
        1,
    )
