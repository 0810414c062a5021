// What the pages do beyond plain HTML. Everything works without it.
import { startCopying } from "./copy.js";
import { startDownloads } from "./download.js";
import { startSearch } from "./search.js";
import { startSecrets } from "./secrets.js";
import { startSlider } from "./slider.js";
import { startSteadiness } from "./steady.js";
import { startTabs } from "./tabs.js";
import { startTrouble } from "./trouble.js";
import { startValidity } from "./validity.js";

// What a person opened stays open, and which tab is chosen stays chosen, when a
// part of the page is replaced: the server does not know of either.
const config = window.htmx?.config;
if (config) config.morphIgnore = [...config.morphIgnore, "open"];

startSearch();
startSecrets();
startSlider();
startSteadiness();
startTabs();
startCopying();
startDownloads();
startTrouble();
startValidity();
