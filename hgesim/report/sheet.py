"""The style sheet of the page: light, dark and print from one palette."""

from __future__ import annotations

from hgesim.report.style import DARK, LIGHT

__all__ = ["CSS"]


def _variables(palette: dict[str, str]) -> str:
    return "; ".join(f"--{name}: {value}" for name, value in palette.items())


CSS = f"""
:root {{ {_variables(LIGHT)}; color-scheme: light dark;
  --sans: system-ui, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  --mono: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans) }}
main {{ max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.5rem 5rem }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere }}
h2 {{ font-size: 1.25rem; margin: 3.2rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--rule) }}
p, figcaption, ul {{ max-width: 46rem; overflow-wrap: anywhere }}
p {{ margin: .6rem 0 }}
.eyebrow {{ margin: 0 0 .5rem; font-size: .88rem; color: var(--soft) }}
.verdict {{ font-size: 1.12rem; font-weight: 600; margin: 0 0 .5rem; padding-left: .8rem; border-left: 4px solid }}
.good {{ color: var(--green) }} .open {{ color: var(--amber) }} .bad {{ color: var(--orange) }}
.why {{ margin: .3rem 0 }}
.soft, figcaption {{ color: var(--soft) }}
figure {{ margin: 1.2rem 0 0 }}
figure + figure {{ margin-top: 2.4rem }}
figure svg {{ width: 100%; height: auto; display: block }}
svg * {{ stroke-linejoin: round; stroke-linecap: butt }}
figcaption {{ font-size: .9rem; margin-top: .5rem }}
.facts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr));
  gap: 1rem 1.5rem; margin: 1.6rem 0 0 }}
.facts div {{ border-top: 2px solid var(--rule); padding-top: .35rem }}
.facts dt {{ font-size: .82rem; color: var(--soft) }}
.facts dd {{ margin: 0; font-size: 1.05rem; font-weight: 600 }}
.side {{ display: flex; flex-wrap: wrap; gap: 0 4rem; align-items: flex-start }}
table {{ border-collapse: collapse; font-size: .92rem; margin: .8rem 0; font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; padding: .22rem 1.4rem .22rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: anywhere }}
th {{ font-weight: 500; color: var(--soft) }}
td.number {{ text-align: right; padding: .22rem 0 .22rem 1.4rem; white-space: nowrap }}
td.bar {{ width: 13rem; padding: .22rem 0 .22rem 1.2rem; vertical-align: middle }}
td.bar i {{ display: block; height: .7rem; background: var(--blue) }}
.columns {{ columns: 2 22rem; column-gap: 3rem }}
.columns table {{ break-inside: avoid; width: 100%; margin: 0 0 1.4rem }}
code, pre {{ font: .88rem/1.5 var(--mono) }}
pre {{ background: var(--shade); padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .6rem 0 }}
summary {{ cursor: pointer; color: var(--soft) }}
@media print {{
  body {{ font-size: 10.5pt }} main {{ max-width: none; padding: 0 }}
  .columns {{ columns: 2 14rem }} .facts {{ grid-template-columns: repeat(3, 1fr) }} details {{ display: none }}
  h2 {{ margin-top: 1.6rem }} h1, h2 {{ break-after: avoid }} figure, table, .facts {{ break-inside: avoid }}
}}
"""
