/*
 * merged: what a merge brought, for people: in the state folder
 *
 *     merged-20261129-203354.jsonl
 * {"database":"medic","id":"…","revisions":["3-…"],"conflict":true} one line for each document,
 * those with a new conflict first merged.json
 * {"when":TIME,"documents":12,"conflicts":1,"report":PATH}: of the last merge that brought anything
 *     merged.partial                what was about to be written so far by one that goes on
 *
 * A revision is noted before it is written, so a merge that is killed forgets nothing that it
 * brought, and the next one goes on with its notes. A note alone says little: what it names is
 * looked at when all has come.
 */
#pragma once

#define MERGED_SUMMARY "merged.json"
#define MERGED_SUMMARY_MAX (64 * 1024) /* bytes */
