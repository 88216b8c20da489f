// Apache Kafka from Maven Central, once: 91 files, 54 MB. `node fetch-kafka.mjs` prints the folder that holds them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "4.4.0";
const REPOSITORY = resolve(import.meta.dirname, "../../..");

const artifact = (name) =>
  `<dependency><groupId>org.apache.kafka</groupId><artifactId>${name}</artifactId><version>${VERSION}</version></dependency>`;
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>fustor</groupId><artifactId>broker-of-tests</artifactId><version>1</version>
<dependencies>${artifact("kafka_2.13")}${artifact("kafka-tools")}</dependencies></project>`;

/** Maven gives a download up at the first broken connection, and keeps what it has got. */
function copyJars(work, args, attempts = 3) {
  try {
    execFileSync("mvn", args, { cwd: work, stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
  } catch (error) {
    if (attempts <= 1) throw error;
    copyJars(work, args, attempts - 1);
  }
}

/** The folder of the jars. Several processes may ask for it at once: the first one that is done gives it its name. */
export function fetchKafka() {
  const folder = process.env.FUSTOR_KAFKA_FOLDER ?? join(REPOSITORY, "build", `kafka-${VERSION}`, "libs");
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), "fetching-"));
  try {
    writeFileSync(join(work, "pom.xml"), POM);
    const args = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"];
    copyJars(work, args);
    if (!existsSync(folder)) renameSync(join(work, "libs"), folder);
  } catch (error) {
    if (!existsSync(folder))
      throw new Error(`Kafka cannot be fetched (apt-get install -y maven openjdk-17-jre-headless): ${error}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(fetchKafka());
