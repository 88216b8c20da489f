#include "scan/scanner.h"

#include "scan/scan_run.h"

namespace fustor {

std::shared_ptr<BulkStream> start_scan(ScanConfig config) {
  const auto scanner = std::make_shared<Scanner>(std::move(config));
  BulkStream* const stream = scanner.get();
  const std::shared_ptr<BulkStream> held(stream, [scanner](BulkStream*) { scanner->leave(); });
  scanner->start();
  return held;
}

}  // namespace fustor
