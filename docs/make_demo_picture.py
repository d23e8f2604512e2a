"""Makes docs/pictures/demo.png: the demo page in headless Chromium, on NASA's portrait.

python docs/make_demo_picture.py [--model=exported/dagan]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from skimage.data import astronaut

from dagan_tf.faces.photo_io import write_png

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "docs" / "pictures" / "demo.png"
YAW = 35
# Angles of the strip.
YAWS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pretrained")
    model = parser.parse_args().model
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=980,2150"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    command = [sys.executable, "-m", "serving.demo", f"--model={model}", "--port=0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo,
        webdriver.Chrome(options=options, service=service) as driver,
    ):
        try:
            driver.get(demo.stdout.readline().split()[0])
            photo = Path(folder) / "astronaut.png"
            write_png(photo, astronaut())
            driver.find_element(By.ID, "file").send_keys(str(photo))
            pictures = driver.find_element(By.ID, "pictures")
            wait = WebDriverWait(driver, 60, 0.1)
            wait.until(lambda _: pictures.get_attribute("data-pose"))
            driver.execute_script(
                "const yaw = document.getElementById('yaw'); yaw.value = arguments[0];"
                "yaw.dispatchEvent(new Event('input'))",
                YAW,
            )
            wait.until(lambda _: pictures.get_attribute("data-pose").startswith(f"{YAW},"))
            strip = driver.find_element(By.ID, "strip")
            wait.until(lambda _: len(strip.find_elements(By.TAG_NAME, "button")) == YAWS)
            driver.save_screenshot(str(OUTPUT))
        finally:
            demo.terminate()
    print(OUTPUT)


if __name__ == "__main__":
    main()
