-- Quality and toxicity by domain: quartiles, and how much stands above .6 quality.
SELECT
    domain,
    count(quality) AS scored,
    round(quantile_cont(quality, 0.25), 3) AS quality_25,
    round(median(quality), 3) AS quality_50,
    round(quantile_cont(quality, 0.75), 3) AS quality_75,
    round(avg((quality >= 0.6)::INTEGER), 3) AS share_above_06,
    round(median(toxicity), 3) AS toxicity_50,
    round(quantile_cont(toxicity, 0.99), 3) AS toxicity_99
FROM documents
GROUP BY domain
ORDER BY quality_50 DESC NULLS LAST, domain;
