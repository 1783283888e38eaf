rule figures:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in study_files.figure_files(study, "png", "svg")
        ],
        [file for study in PLAN.studies for file in PLAN.printed_files(study)],


rule draw_figure:
    input:
        tables=[f"{layout.TABLES}/{table}.parquet" for table in TABLES],
        inspected=using(study_files.inspected_files, study_of),
        index=of(study_of, "main_input.index"),
        indexes=of(study_of, "indexes"),
        published=using(list, of(study_of, "published")),
    output:
        png=report(
            f"{layout.FIGURES}/{{figure}}.png",
            caption="../report/figure.rst",
            category="{study}",
            subcategory=using(section_of, figure_of),
            labels=figure_label,
        ),
        svg=f"{layout.FIGURES}/{{figure}}.svg",
    log:
        LOG["draw_figure"],
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.drawing_mb, study_of, figure_of)),
        runtime=minutes(5),
        gpu=0,
    params:
        key=of(study_of, "keys.figures"),
        figure=figure_of,
        study=using(Unmarked, of(study_of, "facts")),
        # Derived from the output, so that other words are no reason to draw again.
        words=lambda wildcards, output: Unmarked(
            rst_of(figure_of(wildcards), study_of(wildcards).page_facts)
        ),
    script:
        "../scripts/draw_figure.py"


if PLAN.settings.figures.printed:

    rule print_figure:
        input:
            **rules.draw_figure.input,
        output:
            expand(
                f"{layout.PRINTED}/{{{{figure}}}}.{{format}}",
                format=PLAN.settings.figures.printed,
                allow_missing=True,
            ),
        log:
            LOG["print_figure"],
        conda:
            "../../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=memory(using(job_resources.drawing_mb, study_of, figure_of)),
            runtime=minutes(5),
            gpu=0,
        params:
            key=using(PLAN.printed_key, wildcard("study")),
            figure=figure_of,
            study=using(Unmarked, of(study_of, "facts")),
            width_mm=PLAN.settings.figures.width_mm,
        script:
            "../scripts/draw_figure.py"
