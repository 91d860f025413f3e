/** Ids are kept as signed 64-bit integers; no row can have a larger one. */
export const ROW_ID_MAX = 0x7fff_ffff_ffff_ffffn;
