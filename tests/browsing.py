"""A headless Chromium, one for all tests of a process, and what every page must be for everyone who reads it."""

import shutil

import pytest


@pytest.fixture(scope="session")
def driver():
    """Chromium from the distribution, which never goes online."""
    from selenium import webdriver

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for each in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1200,900",
    ):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def browser(driver):
    """The browser, with nothing left over of the test before."""
    driver.get("about:blank")
    driver.get_log("browser")
    yield driver
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def console(browser):
    """Return what the browser complains of."""
    return [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def emulate(browser, *, width=1200, height=800, scheme="light", motion="no-preference", forced="none"):
    """Be a screen of that width and colour scheme, for someone with those wishes."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": motion},
        {"name": "forced-colors", "value": forced},
    ]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def faults(browser):
    """Return what is wrong with the page that is shown: its frame, names, order, contrast, width, requests."""
    return browser.execute_script(_FAULTS)


def tab_stops(browser, count):
    """Return the ids, or names, of the elements that so many tabs from here reach."""
    reached = []
    for _ in range(count):
        browser.switch_to.active_element.send_keys("\ue004")
        reached.append(browser.execute_script("return document.activeElement.id || document.activeElement.tagName"))
    return reached


# Contrast is that of WCAG 2.2: 1.4.3 for texts (4.5 to 1, disabled controls excepted), 1.4.11 for the bars of charts (3
# to 1). Targets are 2.5.8 (24 by 24 pixels).
_FAULTS = """
const bad = [];
const all = (selector) => [...document.querySelectorAll(selector)];
const isShown = (node) => node.getClientRects().length > 0 && getComputedStyle(node).visibility === 'visible';
const named = (id) => (document.getElementById(id) || { textContent: '' }).textContent.trim();
const nameOf = (node) => (node.getAttribute('aria-label') || '').trim()
  || (node.getAttribute('aria-labelledby') || '').split(' ').map(named).join(' ').trim()
  || [...(node.labels || [])].map((label) => label.textContent.trim()).join(' ')
  || (['BUTTON', 'A', 'SUMMARY'].includes(node.tagName) ? node.textContent.trim() : '');

if (!document.documentElement.lang) bad.push('no language');
if (!document.title.trim()) bad.push('no title');
const viewport = document.querySelector('meta[name=viewport]');
if (!viewport || !viewport.content.includes('width=device-width')) bad.push('no viewport');
if (viewport && /user-scalable=no|maximum-scale/.test(viewport.content)) bad.push('cannot be enlarged');
if (all('h1').length !== 1) bad.push(`${all('h1').length} h1`);
if (all('main').length !== 1) bad.push(`${all('main').length} main`);
const ids = all('[id]').map((node) => node.id);
for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) bad.push(`twice: #${id}`);
let level = 0;
for (const node of all('h1, h2, h3, h4').filter(isShown)) {
  if (+node.tagName[1] > level + 1) bad.push(`heading skips a level: ${node.textContent.slice(0, 40)}`);
  level = +node.tagName[1];
}
for (const node of all('button, input, select, textarea, a[href], summary, dialog, [role=img], [role=log]')) {
  if (!nameOf(node)) bad.push(`without a name: ${node.outerHTML.slice(0, 60)}`);
}
for (const node of all('img')) if (node.getAttribute('alt') === null) bad.push(`without alt: ${node.src}`);
for (const node of all('[tabindex]')) if (node.tabIndex > 0) bad.push(`out of order: ${node.outerHTML.slice(0, 60)}`);
for (const node of all('[aria-describedby], [aria-labelledby]')) {
  const to = `${node.getAttribute('aria-describedby') || ''} ${node.getAttribute('aria-labelledby') || ''}`.trim();
  for (const id of to.split(/\\s+/)) if (!document.getElementById(id)) bad.push(`names nobody: #${id}`);
}
for (const node of all('button, input, select, textarea, summary').filter(isShown)) {
  const box = node.getBoundingClientRect();
  if (box.width < 24 || box.height < 24) bad.push(`too small to touch: ${node.outerHTML.slice(0, 60)}`);
}
if (document.documentElement.scrollWidth > innerWidth) bad.push('scrolls sideways');
for (const { name } of performance.getEntriesByType('resource')) {
  if (!name.startsWith(location.origin) && !name.startsWith('data:')) bad.push(`asks elsewhere: ${name}`);
}

const parse = (css) => (css.match(/[\\d.]+/g) || []).map(Number);
const light = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const [r, g, b, a] = parse(getComputedStyle(node).backgroundColor);
    if (a === undefined || a > 0) return [r, g, b];
  }
  return [255, 255, 255];
};
const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
for (const node of all('.lane i:not(.call), .key').filter(isShown)) {
  const ratio = contrast(light(behind(node)), light(behind(node.parentElement)));
  if (ratio < 3) bad.push(`contrast ${ratio.toFixed(2)} of a mark: ${node.className}`);
}
for (const node of all('body *').filter(isShown)) {
  const texts = [...node.childNodes].filter((each) => each.nodeType === 3 && each.textContent.trim());
  const own = node.tagName === 'TEXTAREA' || texts.length > 0;
  if (!own || node.disabled || node.tagName === 'SCRIPT') continue;
  const style = getComputedStyle(node);
  const text = parse(node instanceof SVGElement ? style.fill : style.color).slice(0, 3);
  const ratio = contrast(light(text), light(behind(node)));
  if (ratio < 4.5) bad.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
}
return bad;
"""
