"""A headless Chromium, one for all tests of a process."""

import shutil

import pytest
from selenium import webdriver


@pytest.fixture(scope="session")
def driver():
    """Chromium from the distribution, which never goes online."""
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
    return driver
