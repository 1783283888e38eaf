rule figures:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in study_files.figure_files(study, "png", "svg")
        ],


rule draw_figure:
    input:
        tables=[f"{layout.TABLES}/{table}.parquet" for table in TABLES],
        inspected=lambda wildcards: study_files.inspected_files(study_of(wildcards)),
        index=lambda wildcards: study_of(wildcards).main_input.index,
        indexes=lambda wildcards: study_of(wildcards).indexes,
        published=lambda wildcards: list(study_of(wildcards).published),
    output:
        png=report(
            f"{layout.FIGURES}/{{figure}}.png",
            caption="../report/figure.rst",
            category="{study}",
            subcategory=lambda wildcards: section_of(figure_of(wildcards)),
            labels=figure_label,
        ),
        svg=f"{layout.FIGURES}/{{figure}}.svg",
    log:
        LOG["draw_figure"],
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.drawing_mb(
                study_of(wildcards), figure_of(wildcards)
            )
        ),
        runtime=minutes(5),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.figures,
        figure=figure_of,
        study=lambda wildcards: Unmarked(study_of(wildcards).facts),
        # Derived from the output, so that other words are no reason to draw again.
        words=lambda wildcards, output: Unmarked(
            rst_of(figure_of(wildcards), study_of(wildcards).page_facts)
        ),
    script:
        "../scripts/draw_figure.py"
