"""Strategies for programs: texts put together from the language's own pieces, most of them sensible."""

from __future__ import annotations

from hypothesis import strategies as st

variables = st.sampled_from(["$a", "$b", "$long1"])
numbers = st.integers(-999, 999).map(str) | st.sampled_from(["0.5", "1.0", "007", "-2.50", "99999.125"])
texts = st.text(st.sampled_from("ab:_ é$5"), max_size=6).map(lambda text: f"!{text}!")
names = st.sampled_from(["w", "h", "ar", "iw", "ih", "iar", "pc", "cp"])
operands = numbers | names | variables | texts | texts.map(lambda text: f"ctx:{text}")
operators = st.sampled_from(["add", "sub", "mul", "div", "mod", "pow"])
expressions = st.tuples(operands, st.lists(st.tuples(operators, operands), max_size=4)).map(
    lambda parts: "_".join([parts[0], *(word for pair in parts[1] for word in pair)])
)
relations = st.sampled_from(["eq", "ne", "lt", "gt", "lte", "gte", "in", "nin"])
clauses = (
    st.tuples(expressions, relations, expressions | st.just("16:9")).map("_".join)
    | texts.map(lambda text: f"{text}_in_tags")
    | st.tuples(st.sampled_from(["isdef", "isndef"]), variables).map("_".join)
)
conditions = st.lists(clauses, min_size=1, max_size=3).flatmap(
    lambda found: st.sampled_from(["_and_", "_or_"]).map(lambda word: word.join(found))
)
keys = st.sampled_from(
    ["w", "h", "x", "y", "r", "q", "o", "a", "ar", "dpr", "c", "g", "b", "e_blur:", "r_5:", "q_auto:"]
)
parameters = st.tuples(keys, expressions).map(lambda part: f"{part[0]}{'' if part[0][-1] == ':' else '_'}{part[1]}")
plain = st.sampled_from(
    [
        "w_100",
        "c_fill",
        "e_grayscale",
        "h_0.5",
        "a_90",
        "f_auto",
        "fl_attachment",
        "q_80",
        "t_a.b",
        "w_auto:50:9",
        "dpr_auto",
        "l_private:a:logo",
        "fl_layer_apply.relative",
    ]
)
sets = st.tuples(variables, expressions).map("_".join)
segments = st.lists(parameters | plain | sets, min_size=1, max_size=3, unique_by=lambda part: part.split("_")[0]).map(
    ",".join
)


def _branched(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(conditions, inner, inner).map(lambda part: f"if_{part[0]}/{part[1]}/if_else/{part[2]}/if_end")
    one = st.tuples(conditions, inner).map(lambda part: f"if_{part[0]},{part[1]}/if_end")
    return both | one | st.tuples(inner, inner).map("/".join)


programs = st.recursive(segments, _branched, max_leaves=6).map(lambda text: f"$a_5,$b_!x!,$long1_iw/{text}")
"""All three variables are set first; whether their values are of use is another matter."""
