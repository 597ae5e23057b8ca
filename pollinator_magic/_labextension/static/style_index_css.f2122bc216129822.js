"use strict";(self.rspackChunkpollinator_magic=self.rspackChunkpollinator_magic||[]).push([["style_index_css"],{"./node_modules/css-loader/dist/cjs.js!./style/cells.css"(o,e,t){var r=t("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),l=t.n(r),i=t("./node_modules/css-loader/dist/runtime/api.js"),n=(t.n(i))()(l());n.push([o.id,`/* A button that only the server half can do anything for is hidden by its kernel. */
body.pollinator-can-cancel button.pollinator-cancel {
  display: inline-block !important;
}

/* The mark of a cell whose job is open stands below the prompt. */
.jp-Cell:has(> .pollinator-Mark) {
  position: relative;
}

.pollinator-Mark {
  align-items: center;
  background: var(--jp-layout-color1);
  border: var(--jp-border-width) solid var(--jp-border-color2);
  border-radius: var(--jp-border-radius);
  box-sizing: border-box;
  color: var(--jp-ui-font-color1);
  cursor: pointer;
  display: flex;
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size0);
  gap: 2px;
  justify-content: center;
  left: calc(var(--jp-cell-padding) + var(--jp-cell-collapser-width));
  line-height: 1.4;
  padding: 0 2px;
  position: absolute;
  top: calc(var(--jp-cell-padding) + 2.2 * var(--jp-code-font-size));
  width: calc(var(--jp-cell-prompt-width) - 4px);
}

/* JupyterLab puts the prompt above the input there, and the mark stands beside it. */
@media only screen and (width <= 760px) {
  .pollinator-Mark {
    left: auto;
    right: var(--jp-cell-padding);
    top: var(--jp-cell-padding);
    width: auto;
  }
}

.pollinator-Mark:hover {
  background: var(--jp-layout-color2);
}

.pollinator-Mark:focus-visible {
  outline: var(--jp-border-width) solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.pollinator-Mark svg {
  display: block;
  height: 12px;
  width: 12px;
}

.pollinator-Mark[data-state='running'] svg {
  color: var(--jp-brand-color1);
}

.pollinator-Mark[data-state='waiting'] svg {
  color: var(--jp-warn-color1);
}

/* The dialog: where a cell runs. */
.pollinator-Picker {
  display: flex;
  flex-direction: column;
  gap: 12px;
  width: 36em;
}

.pollinator-Picker input {
  box-sizing: border-box;
  font-family: var(--jp-code-font-family);
  width: 100%;
}

.pollinator-Picker-executor {
  display: flex;
  flex-direction: column;
  gap: 4px;
}

.pollinator-Picker-executor ul {
  border: var(--jp-border-width) solid var(--jp-border-color2);
  border-radius: var(--jp-border-radius);
  list-style: none;
  margin: 0;
  max-height: 11em;
  overflow-y: auto;
  padding: 0;
}

.pollinator-Picker-executor li {
  align-items: baseline;
  cursor: pointer;
  display: grid;
  gap: 8px;
  grid-template-columns: minmax(6em, 1fr) 6em minmax(0, 2fr);
  padding: 3px 8px;
}

.pollinator-Picker-executor li > span {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Picker-executor li:hover {
  background: var(--jp-layout-color2);
}

.pollinator-Picker-executor li[aria-selected='true'] {
  background: var(--jp-brand-color1);
  color: var(--jp-ui-inverse-font-color1);
}

.pollinator-Picker-name {
  font-family: var(--jp-code-font-family);
  font-weight: 600;
}

.pollinator-Picker li:not([aria-selected='true']) .pollinator-Picker-condition,
.pollinator-Picker li:not([aria-selected='true']) .pollinator-Picker-hardware {
  color: var(--jp-ui-font-color2);
}

.pollinator-Picker-executor
  li[data-alive='false']:not([aria-selected='true'])
  .pollinator-Picker-name {
  color: var(--jp-ui-font-color2);
  font-weight: 400;
}

.pollinator-Picker-trouble {
  color: var(--jp-ui-font-color2);
  margin: 0;
}

.pollinator-Picker-resources {
  align-items: end;
  border: 0;
  display: grid;
  gap: 8px;
  grid-template-columns: repeat(5, minmax(0, 1fr));
  margin: 0;
  padding: 0;
}

.pollinator-Picker-resources legend {
  margin-bottom: 4px;
  padding: 0;
}

.pollinator-Picker-resources label span {
  color: var(--jp-ui-font-color2);
  display: block;
  font-size: var(--jp-ui-font-size0);
  margin-bottom: 2px;
}

.pollinator-Picker-preview span {
  display: block;
  margin-bottom: 4px;
}

.pollinator-Picker-line {
  background: var(--jp-cell-editor-background);
  border: var(--jp-border-width) solid var(--jp-cell-editor-border-color);
  display: block;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  overflow-wrap: anywhere;
  padding: 5px;
}
`,""]),t.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/index.css"(o,e,t){var r=t("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),l=t.n(r),i=t("./node_modules/css-loader/dist/runtime/api.js"),n=t.n(i),a=t("./node_modules/css-loader/dist/cjs.js!./style/panel.css"),p=t("./node_modules/css-loader/dist/cjs.js!./style/results.css"),s=t("./node_modules/css-loader/dist/cjs.js!./style/jobview.css"),d=t("./node_modules/css-loader/dist/cjs.js!./style/cells.css"),c=n()(l());c.i(a.A),c.i(p.A),c.i(s.A),c.i(d.A),c.push([o.id,`/* Everything is in the theme's own colours and sizes; each part has a file. */
`,""]),t.d(e,{},{A:c})},"./node_modules/css-loader/dist/cjs.js!./style/jobview.css"(o,e,t){var r=t("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),l=t.n(r),i=t("./node_modules/css-loader/dist/runtime/api.js"),n=(t.n(i))()(l());n.push([o.id,`/* The view of one job: the log, and the details beside it. */

.pollinator-JobView {
  height: 100%;
}

/* Below a notebook, where every widget gets as little room as it takes. */
#jp-down-stack .pollinator-Log {
  min-height: 288px;
}

.pollinator-JobView > .lm-SplitPanel-handle {
  background: var(--jp-border-color2);
}

.pollinator-JobView-state > div {
  align-items: center;
  display: flex;
  gap: 6px;
  height: 100%;
  padding: 0 8px;
  white-space: nowrap;
}

.pollinator-JobView-toolbar .jp-ToolbarButtonComponent svg + span,
.pollinator-JobView-toolbar .jp-ToolbarButtonComponent-icon + .jp-ToolbarButtonComponent-label {
  margin-left: 4px;
}

.pollinator-JobView-place {
  color: var(--jp-ui-font-color2);
}

/* Log */

.pollinator-Log {
  background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1);
  display: flex;
  flex-direction: column;
  min-width: 160px;
}

.pollinator-Log-scroll {
  flex: 1 1 0;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  line-height: var(--jp-code-line-height);
  min-height: 0;
  outline: none;
  overflow: auto;
  overflow-anchor: none;
  position: relative;
}

.pollinator-Log:has(> .pollinator-Log-scroll:focus-visible)::after {
  border: var(--jp-border-width) solid var(--jp-focus-outline-color, var(--jp-brand-color1));
  content: '';
  inset: 0;
  pointer-events: none;
  position: absolute;
}

.pollinator-Log-space {
  min-width: 100%;
}

.pollinator-Log-layer {
  overflow-x: visible;
  overflow-y: clip;
  position: sticky;
  top: 0;
}

.pollinator-Log-row {
  box-sizing: border-box;
  contain: style;
  direction: ltr;
  height: calc(1em * var(--jp-code-line-height));
  min-width: 100%;
  position: relative;
  tab-size: 8;
  top: var(--pollinator-above, 0);
  unicode-bidi: isolate;
  white-space: pre;
  width: max-content;
}

.pollinator-Log-row.pollinator-mod-pinned {
  position: absolute;
  top: -100vh;
}

.pollinator-Log-probe {
  position: absolute;
  visibility: hidden;
}

.pollinator-Log-number {
  background: var(--jp-layout-color0);
  border-right: var(--jp-border-width) solid var(--jp-border-color3);
  color: var(--jp-ui-font-color3);
  cursor: pointer;
  display: inline-block;
  height: 100%;
  left: 0;
  margin-right: 8px;
  min-width: calc(1ch * max(var(--pollinator-digits, 3), 3));
  padding: 0 8px;
  position: sticky;
  text-align: right;
  user-select: none;
}

.pollinator-Log-number::before {
  content: attr(data-number);
}

.pollinator-Log-number:hover {
  color: var(--jp-ui-font-color1);
}

.pollinator-mod-unnumbered .pollinator-Log-number {
  display: none;
}

.pollinator-mod-unnumbered .pollinator-Log-text {
  padding-left: 8px;
}

.pollinator-Log-text {
  padding-right: 16px;
}

.pollinator-Log-row.pollinator-mod-selected,
.pollinator-Log-row.pollinator-mod-selected > .pollinator-Log-number {
  background: var(--jp-editor-selected-focused-background, var(--jp-layout-color2));
}

.pollinator-Log-text [style] {
  background: var(--pollinator-light-behind, transparent);
  color: var(--pollinator-light, inherit);
}

[data-jp-theme-light='false'] .pollinator-Log-text [style] {
  background: var(--pollinator-dark-behind, transparent);
  color: var(--pollinator-dark, inherit);
}

.pollinator-Log-text [data-marks*='1'] {
  font-weight: bold;
}

.pollinator-Log-text [data-marks*='2'] {
  opacity: 0.75;
}

.pollinator-Log-text [data-marks*='3'] {
  font-style: italic;
}

.pollinator-Log-text [data-marks*='4'] {
  text-decoration: underline;
}

.pollinator-Log-text [data-marks*='9'] {
  text-decoration: line-through;
}

.pollinator-Log-text [data-marks*='4'][data-marks*='9'] {
  text-decoration: underline line-through;
}

.pollinator-Log-text mark,
.pollinator-Log-text mark > [style] {
  background: var(--jp-search-unselected-match-background-color);
  color: var(--jp-search-unselected-match-color);
  scroll-margin: 0 80px;
}

.pollinator-Log-text mark.pollinator-mod-current,
.pollinator-Log-text mark.pollinator-mod-current > [style] {
  background: var(--jp-search-selected-match-background-color);
  color: var(--jp-search-selected-match-color);
}

.pollinator-Log-trouble {
  align-items: center;
  background: var(--jp-layout-color1);
  border-left: 3px solid var(--jp-error-color1);
  border-top: var(--jp-border-width) solid var(--jp-border-color1);
  color: var(--jp-ui-font-color1);
  display: flex;
  flex: none;
  font-size: var(--jp-ui-font-size1);
  gap: 12px;
  justify-content: space-between;
  line-height: var(--jp-code-line-height);
  padding: 6px 12px;
}

.pollinator-Log-trouble[hidden],
.pollinator-Log-empty[hidden],
.pollinator-Log-follow[hidden] {
  display: none;
}

.pollinator-Log-empty {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size1);
  left: 0;
  margin: 0;
  padding: 24px;
  pointer-events: none;
  position: absolute;
  right: 0;
  text-align: center;
  top: 0;
}

.pollinator-Log-follow,
.pollinator-Log-trouble button {
  background: var(--jp-layout-color1);
  border: var(--jp-border-width) solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  color: var(--jp-ui-font-color1);
  cursor: pointer;
  flex: none;
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 24px;
  padding: 0 12px;
}

.pollinator-Log-follow {
  bottom: 20px;
  box-shadow: var(--jp-elevation-z2);
  position: absolute;
  right: 28px;
}

.pollinator-Log-follow:hover,
.pollinator-Log-trouble button:hover {
  background: var(--jp-layout-color2);
}

.pollinator-Log-spoken {
  clip-path: inset(50%);
  height: 1px;
  margin: 0;
  overflow: hidden;
  position: absolute;
  white-space: nowrap;
  width: 1px;
}

/* Search */

.pollinator-Find {
  background: var(--jp-toolbar-background);
  border-bottom: var(--jp-border-width) solid var(--jp-toolbar-border-color);
  flex: none;
  font-size: var(--jp-ui-font-size1);
}

.pollinator-Find-row {
  align-items: center;
  display: flex;
  gap: 4px;
  padding: 3px 6px;
}

.pollinator-Find-field {
  align-items: center;
  background: var(--jp-layout-color0);
  border: var(--jp-border-width) solid var(--jp-border-color0);
  display: flex;
  flex: 0 1 320px;
  gap: 2px;
  min-width: 0;
  padding: 0 2px;
}

.pollinator-Find-field:focus-within {
  border-color: var(--jp-focus-outline-color, var(--jp-brand-color1));
}

.pollinator-Find-field[data-invalid='true'] {
  border-color: var(--jp-error-color1);
}

.pollinator-Find-field input {
  background: none;
  border: none;
  color: var(--jp-ui-font-color0);
  flex: 1;
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 20px;
  min-width: 60px;
  outline: none;
  padding: 0 4px;
}

.pollinator-Find-count {
  color: var(--jp-ui-font-color2);
  min-width: 8em;
  padding: 0 4px;
  text-align: center;
  white-space: nowrap;
}

.pollinator-Find-toggle,
.pollinator-Find-button {
  align-items: center;
  background: none;
  border: none;
  border-radius: var(--jp-border-radius);
  cursor: pointer;
  display: flex;
  flex: none;
  height: 20px;
  justify-content: center;
  padding: 2px;
  width: 20px;
}

.pollinator-Find-toggle span,
.pollinator-Find-button span {
  display: flex;
}

.pollinator-Find-toggle:hover,
.pollinator-Find-button:hover {
  background: var(--jp-layout-color2);
}

.pollinator-Find-toggle[aria-pressed='true'] {
  background: var(--jp-brand-color1);
}

.pollinator-Find-toggle[aria-pressed='true'] svg [fill] {
  fill: var(--jp-ui-inverse-font-color1);
}

/* Details */

.pollinator-Details {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: var(--jp-code-line-height);
  min-width: 240px;
  overflow: auto;
  padding: 4px 12px 12px;
}

.pollinator-Details section:first-child h3 {
  margin-top: 8px;
}

.pollinator-Details h3 {
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 0.5px;
  margin: 16px 0 6px;
  padding-bottom: 2px;
  text-transform: uppercase;
}

.pollinator-Details p {
  margin: 8px 0;
  overflow-wrap: anywhere;
}

.pollinator-Details dl {
  display: grid;
  gap: 4px 12px;
  grid-template-columns: minmax(0, 9.5em) minmax(0, 1fr);
  margin: 0;
}

.pollinator-Details dt {
  color: var(--jp-ui-font-color2);
  overflow-wrap: anywhere;
}

.pollinator-Details dd {
  margin: 0;
  max-height: 12em;
  overflow: auto;
  overflow-wrap: anywhere;
  white-space: pre-wrap;
}

.pollinator-Details dd[data-kind='id'] {
  align-items: center;
  display: flex;
  gap: 4px;
}

.pollinator-Details dd[data-kind='id'] code {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Details a,
.pollinator-Details-link {
  background: none;
  border: none;
  color: var(--jp-content-link-color);
  cursor: pointer;
  font: inherit;
  overflow-wrap: anywhere;
  padding: 0;
  text-align: left;
}

.pollinator-Details a:hover,
.pollinator-Details-link:hover {
  text-decoration: underline;
}

.pollinator-Details-errors {
  list-style: none;
  margin: 0;
  padding: 0;
}

.pollinator-Details-errors li {
  border-left: 3px solid var(--jp-error-color1);
  margin-bottom: 6px;
  overflow-wrap: anywhere;
  padding-left: 8px;
  white-space: pre-wrap;
}

.pollinator-Details-spec {
  margin-top: 16px;
}

.pollinator-Details-spec summary {
  color: var(--jp-ui-font-color2);
  cursor: pointer;
}

.pollinator-Details-spec pre {
  background: var(--jp-layout-color0);
  border: var(--jp-border-width) solid var(--jp-border-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  margin: 6px 0 0;
  overflow: auto;
  padding: 6px 8px;
}
`,""]),t.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/panel.css"(o,e,t){var r=t("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),l=t.n(r),i=t("./node_modules/css-loader/dist/runtime/api.js"),n=(t.n(i))()(l());n.push([o.id,`/* The sidebar, and the item in the status bar. */

.pollinator-SectionPanel {
  display: flex;
  flex-direction: column;
  overflow: hidden;
}

.pollinator-Section {
  display: flex;
  flex: 1 1 auto;
  flex-direction: column;
  min-height: 0;
  overflow: auto;
}

.pollinator-Section > .pollinator-Rows {
  flex: 1 1 0;
}

/* Colony */

.pollinator-Colony {
  padding-bottom: 8px;
}

.pollinator-Choice {
  padding: 8px 8px 0;
}

/* JupyterLab 4.2 does not say so itself. */
.pollinator-Panel .jp-HTMLSelect {
  position: relative;
}

.pollinator-Panel .jp-HTMLSelect > select {
  border: var(--jp-border-width) solid var(--jp-border-color1);
  box-sizing: border-box;
  overflow: hidden;
  padding-left: 8px;
  text-overflow: ellipsis;
  white-space: nowrap;
  width: 100%;
}

.pollinator-Panel .jp-HTMLSelect > select:focus-visible {
  border-color: var(--jp-brand-color1);
}

.pollinator-Facts {
  align-items: center;
  display: grid;
  gap: 4px 12px;
  grid-template-columns: max-content minmax(0, 1fr);
  margin: 8px 12px 0;
}

.pollinator-Facts dt {
  color: var(--jp-ui-font-color2);
}

.pollinator-Facts dd {
  align-items: center;
  display: flex;
  gap: 6px;
  margin: 0;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Identity {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
}

/* Whether something lives: a full dot, or a ring */

.pollinator-Dot {
  border: 2px solid var(--jp-ui-font-color3);
  border-radius: 50%;
  box-sizing: border-box;
  flex: none;
  height: 10px;
  width: 10px;
}

.pollinator-Dot[data-well='true'] {
  background: var(--jp-success-color1);
  border-color: var(--jp-success-color1);
}

.pollinator-Dot[data-well='true'][data-condition='busy'] {
  background: var(--jp-info-color1);
  border-color: var(--jp-info-color1);
}

/* Sentences in place of what cannot be shown */

.pollinator-Notice {
  color: var(--jp-ui-font-color2);
  line-height: var(--jp-code-line-height);
  padding: 8px 12px;
}

.pollinator-Notice[data-kind='error'] {
  border-left: 3px solid var(--jp-warn-color1);
  color: var(--jp-ui-font-color1);
  margin: 8px 8px 0;
  padding: 2px 0 2px 8px;
}

.pollinator-Notice p {
  margin: 0;
  overflow-wrap: anywhere;
}

.pollinator-Notice p + *,
.pollinator-Notice-remedy + * {
  margin-top: 6px;
}

.pollinator-Notice-remedy {
  color: var(--jp-ui-font-color2);
}

.pollinator-Notice code {
  background: var(--jp-layout-color2);
  border-radius: var(--jp-border-radius);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  padding: 0 3px;
}

.pollinator-Remedies {
  display: flex;
  gap: 8px;
}

.pollinator-Notice button.jp-mod-styled {
  margin-right: 0;
  padding: 0 12px;
}

.pollinator-Example {
  align-items: flex-start;
  background: var(--jp-cell-editor-background);
  border: var(--jp-border-width) solid var(--jp-cell-editor-border-color);
  display: flex;
  margin-bottom: 8px;
}

.pollinator-Example pre {
  flex: 1;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  margin: 0;
  overflow-x: auto;
  padding: 6px 8px;
}

/* Filters */

.pollinator-Filters {
  align-items: center;
  display: flex;
  flex: none;
  flex-wrap: wrap;
  gap: 4px 8px;
  padding: 8px;
}

.pollinator-Filters .jp-InputGroup {
  flex: 1 1 0;
  min-width: 0;
}

.pollinator-Choices {
  display: flex;
  flex: 1 1 100%;
  gap: 8px;
}

.pollinator-Choices .jp-HTMLSelect {
  flex: 1 1 0;
  min-width: 0;
}

.pollinator-Count {
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
  margin-left: auto;
}

/* Rows */

.pollinator-Rows {
  min-height: 0;
  overflow: auto;
  position: relative;
}

.pollinator-Rows-all {
  overflow: hidden;
  position: relative;
}

.pollinator-Row {
  box-sizing: border-box;
  display: flex;
  height: calc(2 * 1.5 * var(--jp-ui-font-size1) + 8px);
  left: 0;
  line-height: 1.5;
  outline: none;
  padding: 4px 8px;
  position: absolute;
  right: 0;
  user-select: none;
}

.pollinator-Row[data-kind='executor'] {
  height: calc(3 * 1.5 * var(--jp-ui-font-size1) + 8px);
}

.pollinator-Row-probe {
  pointer-events: none;
  visibility: hidden;
}

.pollinator-Row:hover {
  background: var(--jp-layout-color2);
}

.pollinator-Rows:focus-within .pollinator-Row[aria-selected='true'] {
  background: var(--jp-layout-color2);
}

.pollinator-Row:focus-visible {
  box-shadow: inset 0 0 0 2px var(--jp-brand-color1);
}

.pollinator-Job,
.pollinator-Executor {
  column-gap: 6px;
  display: grid;
  flex: 1;
  grid-auto-rows: 1.5em;
  grid-template-columns: 16px minmax(0, 1fr) auto;
  min-width: 0;
}

.pollinator-Row-name,
.pollinator-Row-line > * {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Row-more {
  color: var(--jp-ui-font-color2);
  margin-left: 6px;
}

.pollinator-Row-line {
  color: var(--jp-ui-font-color2);
  display: flex;
  font-size: var(--jp-ui-font-size0);
  grid-column: 2;
  line-height: calc(1.5 * var(--jp-ui-font-size1));
  min-width: 0;
}

.pollinator-Row-line > * {
  flex: 0 1 auto;
}

.pollinator-Row-line > :first-child:not(:only-child) {
  flex: none;
}

/* Not inline, or it would be underlined with a link that it stands before. */
.pollinator-Row-line > * + *::before {
  color: var(--jp-ui-font-color2);
  content: '\xb7';
  display: inline-block;
  padding: 0 4px;
}

.pollinator-Row-wide {
  grid-column: 2 / span 2;
}

.pollinator-Row-aside {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
  grid-column: 3;
  line-height: calc(1.5 * var(--jp-ui-font-size1));
  text-align: right;
  white-space: nowrap;
}

.pollinator-Row-line [data-state='failed'] {
  color: var(--jp-error-color1);
}

.pollinator-Executor .pollinator-Dot {
  align-self: center;
  justify-self: center;
}

/* Signs of states */

.pollinator-Sign {
  align-self: center;
  color: var(--jp-ui-font-color2);
  fill: none;
  height: 16px;
  stroke: currentcolor;
  stroke-linecap: round;
  stroke-linejoin: round;
  stroke-width: 1.25;
  width: 16px;
}

.pollinator-Sign[data-state='running'] {
  color: var(--jp-info-color1);
}

.pollinator-Sign[data-state='success'] {
  color: var(--jp-success-color1);
}

.pollinator-Sign[data-state='failed'] {
  color: var(--jp-error-color1);
}

/* Buttons */

.pollinator-IconButton,
.pollinator-TextButton,
.pollinator-Link {
  background: none;
  border: none;
  color: inherit;
  cursor: pointer;
  font: inherit;
  margin: 0;
  padding: 0;
}

.pollinator-IconButton {
  align-items: center;
  border-radius: var(--jp-border-radius);
  display: inline-flex;
  flex: none;
  height: 22px;
  justify-content: center;
  width: 24px;
}

.pollinator-IconButton:hover:not(:disabled) {
  background: var(--jp-layout-color3);
}

.pollinator-IconButton:disabled {
  cursor: default;
  opacity: 0.4;
}

.pollinator-IconButton svg {
  display: block;
  height: 16px;
  width: 16px;
}

.pollinator-TextButton {
  color: var(--jp-content-link-color);
}

.pollinator-TextButton:hover,
.pollinator-Link:hover,
.pollinator-Link:focus-visible {
  color: var(--jp-content-link-color);
  text-decoration: underline;
}

.pollinator-IconButton:focus-visible,
.pollinator-TextButton:focus-visible,
.pollinator-Link:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

/* They lie over the lower right corner of their row, which they hide as long as they are there. */

.pollinator-Row-actions {
  background: inherit;
  bottom: 2px;
  display: flex;
  opacity: 0;
  padding-left: 4px;
  pointer-events: none;
  position: absolute;
  right: 4px;
}

.pollinator-Row:hover .pollinator-Row-actions,
.pollinator-Row:focus-within .pollinator-Row-actions {
  background: inherit;
  opacity: 1;
  pointer-events: auto;
}

/* Status bar */

.pollinator-Status {
  background: none;
  border: none;
  color: inherit;
  cursor: pointer;
  display: flex;
  gap: 4px;
  padding: 0;
}

.pollinator-Status svg {
  display: block;
  width: 14px;
}

/* Below a notebook, where tabs leave icons at their upper edge. */
#jp-down-stack .lm-TabBar-tab[data-pollinator] .lm-TabBar-tabIcon {
  align-items: center;
  display: flex;
}
`,""]),t.d(e,{},{A:n})},"./node_modules/css-loader/dist/cjs.js!./style/results.css"(o,e,t){var r=t("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),l=t.n(r),i=t("./node_modules/css-loader/dist/runtime/api.js"),n=(t.n(i))()(l());n.push([o.id,`/* Which job a result is of stands in its tab, behind the file's name. JupyterLab draws lines with the other of the two. */
.lm-TabBar-tab[data-pollinator-job]:not(.jp-mod-current)::before,
.lm-TabBar-tab[data-pollinator-job].jp-mod-current::after {
  color: var(--jp-ui-font-color2);
  content: attr(data-pollinator-job);
  flex: 0 1 auto;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  margin: 0 4px;
  order: 1;
  overflow: hidden;
}

.lm-TabBar-tab[data-pollinator-job] .lm-TabBar-tabCloseIcon {
  order: 2;
}

/* Below a notebook of Notebook 7 there is no place by itself. */
#jp-down-stack .pollinator-Results {
  min-height: 320px;
}

.pollinator-Results {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  outline: none;
  overflow: auto;
}

.pollinator-Results-body {
  max-width: 60em;
  padding: 16px;
}

.pollinator-Results-header {
  margin-bottom: 8px;
}

.pollinator-Results-header h2 {
  font-size: var(--jp-ui-font-size2);
  font-weight: 600;
  margin: 0;
}

.pollinator-Results-header p {
  color: var(--jp-ui-font-color2);
  margin: 2px 0 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Results-notice {
  color: var(--jp-ui-font-color2);
}

.pollinator-Results-notice p {
  margin: 4px 0;
}

.pollinator-Results-filter {
  margin: 4px 0 8px;
  width: 20em;
}

.pollinator-Results-table {
  border-collapse: collapse;
  margin-bottom: 8px;
  width: 100%;
}

.pollinator-Results-table thead th {
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
  color: var(--jp-ui-font-color2);
  font-weight: 400;
  padding: 4px 8px;
  text-align: left;
}

.pollinator-Results-table thead th:first-child {
  width: 100%;
}

.pollinator-Results-table tbody tr:hover,
.pollinator-Results-table tbody tr:focus-within {
  background: var(--jp-layout-color2);
}

.pollinator-Results-table tbody th {
  font-weight: 400;
  max-width: 0;
  padding: 0;
}

.pollinator-Results-table td {
  padding: 0 8px;
  white-space: nowrap;
}

.pollinator-Results-table td:nth-child(2) {
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
  text-align: right;
}

.pollinator-Results-table thead th:nth-child(2) {
  text-align: right;
}

.pollinator-Results-name {
  align-items: center;
  background: none;
  border: none;
  color: inherit;
  cursor: pointer;
  display: flex;
  font: inherit;
  gap: 8px;
  padding: 4px 8px;
  text-align: left;
  width: 100%;
}

.pollinator-Results-name:hover .pollinator-Results-text {
  text-decoration: underline;
}

.pollinator-Results-name:focus-visible,
.pollinator-Results-action:focus-visible {
  outline: 1px solid var(--jp-brand-color1);
  outline-offset: -1px;
}

.pollinator-Results-text {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.pollinator-Results-directory {
  color: var(--jp-ui-font-color2);
}

.pollinator-Results-picture {
  align-items: center;
  display: flex;
  flex: none;
  justify-content: center;
  width: 64px;
}

/* Most pictures are drawn for a white page. */
.pollinator-Results-picture img {
  background: white;
  max-height: 48px;
  max-width: 100%;
}

.pollinator-Results-action {
  align-items: center;
  background: none;
  border: none;
  cursor: pointer;
  display: inline-flex;
  padding: 4px;
}

.pollinator-Results-action:hover {
  background: var(--jp-layout-color3);
}

.pollinator-Results-unseen {
  clip-path: inset(50%);
  height: 1px;
  overflow: hidden;
  position: absolute;
  white-space: nowrap;
  width: 1px;
}
`,""]),t.d(e,{},{A:n})},"./node_modules/css-loader/dist/runtime/api.js"(o){o.exports=function(o){var e=[];return e.toString=function(){return this.map(function(e){var t="",r=void 0!==e[5];return e[4]&&(t+="@supports (".concat(e[4],") {")),e[2]&&(t+="@media ".concat(e[2]," {")),r&&(t+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),t+=o(e),r&&(t+="}"),e[2]&&(t+="}"),e[4]&&(t+="}"),t}).join("")},e.i=function(o,t,r,l,i){"string"==typeof o&&(o=[[null,o,void 0]]);var n={};if(r)for(var a=0;a<this.length;a++){var p=this[a][0];null!=p&&(n[p]=!0)}for(var s=0;s<o.length;s++){var d=[].concat(o[s]);r&&n[d[0]]||(void 0!==i&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=i),t&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=t),l&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=l):d[4]="".concat(l)),e.push(d))}},e}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(o){o.exports=function(o){return o[1]}},"./style/index.css"(o,e,t){t.r(e);var r=t("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),l=t.n(r),i=t("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),n=t.n(i),a=t("./node_modules/style-loader/dist/runtime/insertBySelector.js"),p=t.n(a),s=t("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),d=t.n(s),c=t("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),u=t.n(c),f=t("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),g=t.n(f),h=t("./node_modules/css-loader/dist/cjs.js!./style/index.css"),m={};m.styleTagTransform=g(),m.setAttributes=d(),m.insert=p().bind(null,"head"),m.domAPI=n(),m.insertStyleElement=u(),l()(h.A,m);let v=h.A&&h.A.locals?h.A.locals:void 0;t.d(e,{},{default:v})},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(o){var e=[];function t(o){for(var t=-1,r=0;r<e.length;r++)if(e[r].identifier===o){t=r;break}return t}function r(o,r){for(var l={},i=[],n=0;n<o.length;n++){var a=o[n],p=r.base?a[0]+r.base:a[0],s=l[p]||0,d="".concat(p," ").concat(s);l[p]=s+1;var c=t(d),u={css:a[1],media:a[2],sourceMap:a[3],supports:a[4],layer:a[5]};if(-1!==c)e[c].references++,e[c].updater(u);else{var f=function(o,e){var t=e.domAPI(e);return t.update(o),function(e){e?(e.css!==o.css||e.media!==o.media||e.sourceMap!==o.sourceMap||e.supports!==o.supports||e.layer!==o.layer)&&t.update(o=e):t.remove()}}(u,r);r.byIndex=n,e.splice(n,0,{identifier:d,updater:f,references:1})}i.push(d)}return i}o.exports=function(o,l){var i=r(o=o||[],l=l||{});return function(o){o=o||[];for(var n=0;n<i.length;n++){var a=t(i[n]);e[a].references--}for(var p=r(o,l),s=0;s<i.length;s++){var d=t(i[s]);0===e[d].references&&(e[d].updater(),e.splice(d,1))}i=p}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(o){var e={};o.exports=function(o,t){var r=function(o){if(void 0===e[o]){var t=document.querySelector(o);if(window.HTMLIFrameElement&&t instanceof window.HTMLIFrameElement)try{t=t.contentDocument.head}catch(o){t=null}e[o]=t}return e[o]}(o);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(t)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(o){o.exports=function(o){var e=document.createElement("style");return o.setAttributes(e,o.attributes),o.insert(e,o.options),e}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(o,e,t){o.exports=function(o){var e=t.nc;e&&o.setAttribute("nonce",e)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=o.insertStyleElement(o);return{update:function(t){var r,l,i;r="",t.supports&&(r+="@supports (".concat(t.supports,") {")),t.media&&(r+="@media ".concat(t.media," {")),(l=void 0!==t.layer)&&(r+="@layer".concat(t.layer.length>0?" ".concat(t.layer):""," {")),r+=t.css,l&&(r+="}"),t.media&&(r+="}"),t.supports&&(r+="}"),(i=t.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),o.styleTagTransform(r,e,o.options)},remove:function(){var o;null===(o=e).parentNode||o.parentNode.removeChild(o)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(o){o.exports=function(o,e){if(e.styleSheet)e.styleSheet.cssText=o;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(o))}}}}]);