rule figures:
    input:
        [
            f"results/{study.name}/figures/{figure}.{suffix}"
            for study in PLAN.studies.values()
            for figure in study.figures
            for suffix in ["png", "svg"]
        ],


rule draw_figure:
    input:
        tables=[f"results/{{study}}/tables/{table}.parquet" for table in TABLES],
        inspected=lambda wildcards: inspected_files(wildcards.study),
        index=lambda wildcards: PLAN.studies[wildcards.study].main_index,
        indexes=lambda wildcards: PLAN.studies[wildcards.study].indexes,
        published=lambda wildcards: list(PLAN.studies[wildcards.study].published),
    output:
        png=report(
            "results/{study}/figures/{figure}.png",
            caption="../report/figure.rst",
            category="{study}",
            subcategory=lambda wildcards: section_of(
                PLAN.studies[wildcards.study].figures[wildcards.figure]
            ),
            labels=figure_label,
        ),
        svg="results/{study}/figures/{figure}.svg",
    log:
        "logs/{study}/draw_figure/{figure}.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(drawing_mb),
        runtime=minutes(5),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].figures_key,
        figure=lambda wildcards: PLAN.studies[wildcards.study].figures[wildcards.figure],
        study=lambda wildcards: Unmarked(PLAN.studies[wildcards.study].evaluation),
        # Derived from the output, so that other words are no reason to draw again.
        words=lambda wildcards, output: words_of(wildcards),
    script:
        "../scripts/draw_figure.py"
