/** How many times longer than usual tests wait before they fail: `FUSTOR_TEST_PATIENCE`, for machines that have other things to do. */
export const PATIENCE = Math.max(1, Number(process.env.FUSTOR_TEST_PATIENCE ?? "1") || 1);
