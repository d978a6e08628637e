"""A small file of each format, written from the format's description, and what it states.

Each case: format, content, and the expected value of (label, metric, statistic) in base units;
None means that the file does not say it.
"""

from __future__ import annotations

from typing import NamedTuple

Key = tuple[str, str, str]


class Case(NamedTuple):
    format: str
    text: str
    expected: dict[Key, float | None]


LOCUST_COLUMNS = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
    "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%,99%,100%"
)

CASES = [
    Case(
        "perflib",
        '{"id":"r1","target":"t","kind":"sql","started_at":"2025-01-01T00:00:00+00:00",'
        '"duration_s":1.0,"estimates":[{"metric":"query_time","statistic":"p95","value":0.5,'
        '"unit":"s","n":9,"low":0.4,"high":null,"label":"q"}],"schema":1}\n',
        {("q", "query_time", "p95"): 0.5},
    ),
    Case(
        "locust-requests",
        "request_type,name,response_time,response_length,exception,timestamp\n"
        "GET,/a,100,10,,1700000000.6\nGET,/a,300,10,boom,1700000002.5\n",
        {
            ("GET /a", "service_time", "mean"): 0.2,
            ("", "error_rate", "value"): 0.5,
            ("", "throughput", "value"): 1.0,  # the rows were written at the ends
        },
    ),
    Case(  # names with their percentiles only, as before Locust 0.12
        "locust-stats",
        '"Name","# requests","50%","95%","100%"\n"GET /a",10,5,130,160\n"None Total",0,"N/A",'
        '"N/A","N/A"\n',
        {("GET /a", "service_time", "p95"): 0.13, ("", "requests", "value"): 0}
        | {("", "service_time", "p95"): None},
    ),
    Case(  # the summary of 1.5, made at the end of the run
        "k6-summary",
        '{"version":"1.0.0","metadata":{"k6Version":"1.5.0","generatedAt":"2025-01-01T00:00:10Z"},'
        '"config":{"duration":10,"execution":"local"},"results":{"checks":{"metrics":[{"name":'
        '"checks_succeeded","type":"rate","values":{"matches":3,"total":4,"rate":0.75}}]},"metrics":['
        '{"name":"http_reqs","type":"counter","contains":"default","values":{"count":50}},'
        '{"name":"http_req_duration","type":"trend","contains":"time","values":{"p95":20}},'
        '{"name":"http_req_failed","type":"rate","contains":"default","values":'
        '{"matches":1,"total":50,"rate":0.02}}]}}',
        {
            ("", "service_time", "p95"): 0.02,
            ("", "error_rate", "value"): 0.02,
            ("", "throughput", "value"): 5,
            ("", "checks_succeeded", "value"): 0.75,
        },
    ),
    Case(  # groups repeat the metrics of the totals
        "k6-text",
        "  █ TOTAL RESULTS \n\n    HTTP\n"
        "    http_req_duration..............: avg=119.47ms p(95)=148.21ms\n"
        "      { expected_response:true }...: avg=110ms\n"
        "    http_reqs......................: 10     0.95/s\n    EXECUTION\n"
        "    iterations.....................: 10     0.95/s\n\n  █ GROUP: login\n\n"
        "    http_req_duration..............: avg=19ms\n",
        {
            ("", "service_time", "mean"): 0.11947,
            ("expected_response:true", "service_time", "mean"): 0.11,
            ("login", "service_time", "mean"): 0.019,
        },
    ),
    Case(  # a selection of columns, epoch seconds, a blank first line
        "jmeter-csv",
        "\ntimeStamp,elapsed,label\n1700000000,500,a\n1700000001,1000,a\n",
        {("a", "service_time", "mean"): 0.75, ("", "throughput", "value"): 1.0}
        | {("", "error_rate", "value"): None},
    ),
    Case(
        "jmeter-table",
        "Rótulo,# Amostras,Média,Mín.,Máx.,Desvio Padrão,% de Erro,Vazão,KB/s,Média de Bytes\n"
        "A,10,5,1,9,2.2,10.000%,30.0/min,1.5,100\nTOTAL,10,5,1,9,2.2,0.1,30,1.5,100\n",
        {
            ("A", "throughput", "value"): 0.5,
            ("", "throughput", "value"): 30,
            ("A", "error_rate", "value"): 0.1,
            ("", "error_rate", "value"): 0.1,
            ("A", "service_time", "max"): 0.009,
        },
    ),
    Case(
        "jmeter-table",
        "Label,# Samples,Average,Median,90% Line,Min,Max,Error %,Throughput,Received KB/sec\n"
        "A,10,5,4,8,1,9,0.00%,1.5,2.0\n",
        {("A", "service_time", "p90"): 0.008, ("A", "data_rate", "value"): 2048},
    ),
    Case(  # Gatling 2: first and last bytes of both directions; a request that is called OK
        "gatling-log",
        "RUN\ts.Sim\tsim\t1700000000000\t\t2.0\n"
        "S\t1\tREQUEST\t\tOK\t1700000000000\t1700000000001\t1700000000090\t1700000000100\tKO\t"
        "a\tb\n",
        {("OK", "service_time", "max"): 0.1, ("", "error_rate", "value"): 1},
    ),
    Case(
        "artillery",
        '{"aggregate":{"timestamp":"2020-01-01T00:00:00.000Z","requestsCompleted":8,"latency":'
        '{"min":1,"max":9,"median":5,"p95":8,"p99":9},"rps":{"count":8,"mean":4},"errors":'
        '{"ETIMEDOUT":2},"codes":{"200":6,"500":2}},"intermediate":[]}',
        {
            ("", "service_time", "p95"): 0.008,
            ("", "error_rate", "value"): 0.4,
            ("", "throughput", "value"): 4,
        },
    ),
    Case(
        "vegeta-text",
        "Requests      [total, rate, throughput]         1200, 120.00, 65.87\n"
        "Duration      [total, attack, wait]             10.09s, 9.949883921s, 145.082066ms\n"
        "Latencies     [min, mean, 50, 95, 99, max]      90.4ms, 113ms, 108ms, 247ms, 264ms, 1m2s\n"
        "Success       [ratio]                           55.42%\n",
        {
            ("", "service_time", "p95"): 0.247,
            ("", "service_time", "max"): 62,
            ("", "error_rate", "value"): 0.4458,
            ("", "throughput", "value"): 65.87,
        },
    ),
    Case(  # requests that the end of the run cut off are no failures
        "oha-json",
        '{"summary":{"successRate":1.0,"total":2.0,"requestsPerSec":10},"latencyPercentiles":{},'
        '"statusCodeDistribution":{"200":18},"errorDistribution":{"aborted due to deadline":5,'
        '"refused":2}}',
        {("", "error_rate", "value"): 0.1},
    ),
    Case(
        "hey-csv",
        "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n"
        "0.0,0,0,0.1,0.5,10,200\n0.5,0,0,0.1,0.5,10,200\n",
        {("", "service_time", "mean"): 0.5, ("", "error_rate", "value"): None},
    ),
    Case(  # wrk2: response times, from the intended start; a minute and a zero
        "wrk",
        "Running 30s test @ http://x/\n  2 threads and 100 connections\n"
        "  Thread calibration: mean lat.: 10087 usec, rate sampling interval: 22 msec\n"
        "    Latency     1.20m     0.00us   1.50m    68.46%\n"
        "  Latency Distribution (HdrHistogram - Recorded Latency)\n 50.000%    6.67ms\n"
        "  Detailed Percentile spectrum:\n       Value   Percentile   TotalCount 1/(1-Percentile)\n"
        "      10.247     0.950000        37516        20.00\n"
        "  Latency Distribution (HdrHistogram - Uncorrected Latency (measured without taking delayed"
        " starts into account))\n 50.000%    1.11ms\n       1.500     0.950000        37516\n"
        "  59954 requests in 30.00s, 48.60MB read\nRequests/sec:   1998.20\n",
        {
            ("", "response_time", "mean"): 72,
            ("", "response_time", "p50"): 0.00667,
            ("", "response_time", "p95"): 0.010247,
            ("", "service_time", "p50"): 0.00111,
        },
    ),
    Case(
        "ab-percentiles",
        "Percentage served,Time in ms\n0,1.5\n50,2.5\n99,9.25\n100,12\n",
        {("", "service_time", "p99"): 0.00925, ("", "service_time", "max"): 0.012},
    ),
    Case(
        "siege",
        '{\t"transactions":\t\t\t         100,\n\t"availability":\t\t\t       80.00,\n'
        '\t"elapsed_time":\t\t\t       10.00,\n\t"response_time":\t\t\t        0.25,\n'
        '\t"transaction_rate":\t\t       10.00,\n\t"failed_transactions":\t\t          25,\n'
        '\t"longest_transaction":\t\t        1.50,\n\t"shortest_transaction":\t        0.01\n}\n',
        {("", "service_time", "mean"): 0.25, ("", "error_rate", "value"): 0.2}
        | {("", "requests", "value"): 100, ("", "throughput", "value"): 10},
    ),
    Case(
        "siege-log",
        "      Date & Time,  Trans,  Elap Time,  Data Trans,  Resp Time,  Trans Rate,  Throughput,"
        "  Concurrent,    OKAY,   Failed\n"
        "2020-06-12 10:11:12,    100,      10.00,           1,       0.25,       10.00,        0.10,"
        "        2.50,     100,      25\n",
        {("", "service_time", "mean"): 0.25, ("", "error_rate", "value"): 0.2},
    ),
    Case(
        "taurus",
        "label,avg_ct,avg_lt,avg_rt,bytes,concurrency,fail,stdev_rt,succ,throughput,perc_95.0\n"
        ",0.1,0.2,0.5,100,2,2,0.1,8,10,0.9\nA,0.1,0.2,0.5,100,2,2,0.1,8,10,0.9\n",
        {("", "service_time", "p95"): 0.9, ("A", "error_rate", "value"): 0.2},
    ),
    Case(
        "hyperfine",
        "command,mean,stddev,median,user,system,min,max,parameter_n\nls 3,0.5,,0.4,0.1,0.2,0.3,0.9,3\n",
        {("ls 3", "time", "mean"): 0.5, ("ls 3", "time", "stdev"): None},
    ),
    Case(
        "jmh",
        "# Run complete. Total time: 00:01:00\n\n"
        "Benchmark        (size)  (kind)   Mode  Cnt    Score    Error  Units\n"
        "a.B.foo              10     N/A  thrpt   25  123.456 ± 1.234  ops/ms\n"
        "a.B.foo:p0.95        10       x  sample        5.5            us/op\n",
        {
            ("a.B.foo(size=10)", "rate", "mean"): 123456,
            ("a.B.foo(size=10, kind=x)", "time", "p95"): 5.5e-6,
        },
    ),
    Case(
        "benchmarkdotnet",
        "Method;Job;Runtime;N;Mean;Error;StdDev;Median\n"
        "Foo;DefaultJob;.NET 8;10;1,234.5 ns;1.0 ns;2.00 μs;1.2 us\n"
        "Bar;DefaultJob;.NET 8;10;NA;NA;NA;NA\n",
        {("Foo(N=10)", "time", "mean"): 1.2345e-6, ("Foo(N=10)", "time", "stdev"): 2e-6},
    ),
    Case(
        "criterion",
        '{"mean":{"point_estimate":2.5,"standard_error":0.1},"median":{"point_estimate":2.4},'
        '"slope":null,"std_dev":{"point_estimate":0.5}}',
        {("", "time", "mean"): 2.5e-9, ("", "time", "stdev"): 0.5e-9},
    ),
    Case(
        "criterion",
        '{"reason":"benchmark-complete","id":"n","mean":{"estimate":420,"unit":"ns"},"median":'
        '{"estimate":0.4,"unit":"us"}}\n{"reason":"group-complete","group_name":"x"}\n',
        {("n", "time", "mean"): 420e-9, ("n", "time", "p50"): 400e-9},
    ),
    Case(
        "pgbench",
        "progress: 5.0 s, 1234.5 tps, lat 1.2 ms stddev 0.3\ntransaction type: multiple scripts\n"
        "number of transactions actually processed: 100/100\nlatency average = 1.5 ms\n"
        "tps = 85.18 (including connections establishing)\n"
        "tps = 85.28 (excluding connections establishing)\nSQL script 1: <builtin: TPC-B>\n"
        " - 60 transactions (60.0% of total, tps = 51.1)\n - latency average = 1.1 ms\n"
        " - statement latencies in milliseconds:\n         0.002  \\set aid random(1, 100)\n",
        {
            ("", "transaction_time", "mean"): 0.0015,
            ("", "throughput", "value"): 85.28,
            ("", "throughput_with_connecting", "value"): 85.18,
            ("<builtin: TPC-B>", "transaction_time", "mean"): 0.0011,
            ("\\set aid random(1, 100)", "statement_time", "mean"): 2e-6,
        },
    ),
    Case(
        "sysbench",
        "sysbench 1.1.0 (using bundled LuaJIT 2.1.0)\n\nRunning the test with following options:\n"
        "Number of threads: 1\n\nTotal operations: 1000 ( 100.50 per second)\n\n"
        "10.00 MiB transferred (1.50 MiB/sec)\n\nThroughput:\n"
        "    events/s (eps):                      4.5000\n"
        "    time elapsed:                        10.0s\n"
        "    total number of events:              1000\n\nLatency (ms):\n"
        "         min:                                    0.10\n"
        "         percentile stats:               disabled\n",
        {
            ("", "throughput", "value"): 4.5,
            ("", "data_rate", "value"): 1.5 * 2**20,
            ("", "event_time", "min"): 0.0001,
        },
    ),
    Case(
        "sysbench",
        "sysbench 0.4.12:  multi-threaded system evaluation benchmark\n\n"
        "Running the test with following options:\nNumber of threads: 1\n\n"
        "Operations performed:  6000 Read, 4000 Write, 12800 Other = 22800 Total\n"
        "Read 93.75Mb  Written 62.5Mb  Total transferred 156.25Mb  (2.5Mb/sec)\n"
        "  166.66 Requests/sec executed\n\nTest execution summary:\n"
        "    total time:                          60.0001s\n",
        {("", "throughput", "value"): 166.66, ("", "data_rate", "value"): 2.5 * 2**20}
        | {("", "duration", "value"): 60.0001},
    ),
    Case(
        "prometheus",
        'up{job="a"} 1\nhttp_total 1027 1395066363000\n',
        {("", "http_total", "value"): 1027},
    ),
    Case(
        "locust-stats",
        f"{LOCUST_COLUMNS}\nGET,/a,4,1,250,260.5,100.25,400,10,2.0,0.5,250,390,400,400\n"
        ",Aggregated,4,1,250,260.5,100.25,400,10,2.0,0.5,250,390,400,400\n"
        ",Nothing,0,0,0,0,0,0,0,0,0,N/A,N/A,N/A,N/A\n",
        {
            ("GET /a", "service_time", "mean"): 0.2605,
            ("", "service_time", "p95"): 0.39,
            ("", "error_rate", "value"): 0.25,
            ("", "throughput", "value"): 2.0,
            ("Nothing", "requests", "value"): 0.0,
            ("Nothing", "service_time", "mean"): None,
        },
    ),
    Case(
        "locust-history",
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,Total Request Count,"
        "Total Failure Count,Total Average Response Time,Total Min Response Time,"
        "Total Max Response Time\n"
        "1700000000,1,,Aggregated,0,0,N/A,N/A,0,0,0,0,0\n"
        "1700000001,2,,Aggregated,5.5,0,20,90,10,1,33.5,5,95\n",
        {
            ("", "requests", "value"): 10,
            ("", "service_time", "mean"): 0.0335,
            ("", "service_time", "p95"): None,  # of the last ten seconds only
        },
    ),
    Case(
        "locust-errors",
        'Method,Name,Error,Occurrences\nGET,/a,"timeout, after 3 s",3\n',
        {("GET /a", "failures", "value"): 3, ("", "failures", "value"): 3},
    ),
    Case("locust-errors", "Count,Message,Traceback,Nodes\n", {("", "exceptions", "value"): 0}),
    Case(
        "locust-json",
        '[{"name":"/a","method":"GET","num_requests":4,"num_failures":1,"total_response_time":400,'
        '"min_response_time":50,"max_response_time":200,"start_time":1700000000,'
        '"last_request_timestamp":1700000002,"response_times":{"50":1,"100":2,"200":1}}]',
        {
            ("GET /a", "service_time", "mean"): 0.1,
            ("GET /a", "service_time", "p50"): 0.1,
            ("", "error_rate", "value"): 0.25,
            ("", "throughput", "value"): 2.0,
        },
    ),
    Case(
        "locust-html",
        "<!DOCTYPE html><html><head><title>Locust</title></head><body><script>"
        'window.templateArgs = {"start_time":"2025-01-01T00:00:00Z","requests_statistics":'
        '[{"method":"GET","name":"/{id}","num_requests":2,"num_failures":0,'
        '"avg_response_time":12.5,"min_response_time":5,"max_response_time":20,"total_rps":1.5}],'
        '"response_time_statistics":[{"method":"GET","name":"/{id}","0.95":19}]}</script></html>',
        {
            ("GET /{id}", "service_time", "mean"): 0.0125,
            ("GET /{id}", "service_time", "p95"): 0.019,
        },
    ),
    Case(
        "k6-summary",
        '{"metrics":{"http_req_duration":{"avg":10,"p(95)":20,"max":30},"iterations":{"count":5,'
        '"rate":2.5},"http_req_failed":{"passes":1,"fails":3,"value":0.25,"thresholds":'
        '{"rate<0.1":true}},"http_reqs":{"count":4,"rate":2},"mine":{"avg":7}}}',
        {
            ("", "service_time", "p95"): 0.02,
            ("", "error_rate", "value"): 0.25,
            ("", "throughput", "value"): 2,
            ("", "mine", "mean"): 7,  # a unit that the file does not tell is not invented
        },
    ),
    Case(
        "k6-summary",
        '{"metrics":{"http_req_duration":{"type":"trend","contains":"time","values":{"med":10}},'
        '"data_sent":{"type":"counter","contains":"data","values":{"count":1000,"rate":10}},'
        '"checks":{"type":"rate","contains":"default","values":{"rate":0.5,"passes":1,"fails":1}}}}',
        {("", "service_time", "p50"): 0.01, ("", "checks", "value"): 0.5},
    ),
    Case(
        "k6-ndjson",
        '{"type":"Metric","data":{"name":"http_req_duration","type":"trend"},'
        '"metric":"http_req_duration"}\n'
        '{"metric":"http_req_duration","type":"Point","data":{"time":"2025-01-01T00:00:01.5Z",'
        '"value":500,"tags":{"method":"GET","name":"/a","status":"200"}}}\n'
        '{"metric":"vus","type":"Point","data":{"time":"2025-01-01T00:00:01Z","value":1}}\n'
        '{"metric":"http_req_duration","type":"Point","data":{"time":"2025-01-01T00:00:03.0Z",'
        '"value":1500,"tags":{"method":"GET","name":"/a","status":"500",'
        '"expected_response":"false"}}}\n',
        {
            ("", "requests", "value"): 2,
            ("", "service_time", "mean"): 1.0,
            ("", "error_rate", "value"): 0.5,
            ("", "throughput", "value"): 1.0,  # two in the two seconds from 1.0 to 3.0
        },
    ),
    Case(
        "k6-csv",
        "metric_name,timestamp,metric_value,check,error,error_code,expected_response,method,name,"
        "status\nhttp_reqs,1700000000,1,,,,true,GET,/a,200\n"
        "http_req_duration,1700000000,250.5,,,,true,GET,/a,200\n",
        {("", "requests", "value"): 1, ("", "service_time", "p50"): 0.2505},
    ),
    Case(
        "k6-text",
        "     checks.........................: 50.00% ✓ 1 ✗ 1\n"
        "   ✓ http_req_duration..............: avg=1m2.5s min=335.16ms med=364µs max=2s "
        "p(90)=1.5s p(95)=1.6s\n"
        "     http_reqs......................: 13095   7.230018/s\n"
        "     iterations.....................: 13095   7.230018/s\n",
        {
            ("", "service_time", "mean"): 62.5,
            ("", "service_time", "p50"): 0.000364,
            ("", "throughput", "value"): 7.230018,
            ("", "checks", "value"): 0.5,
        },
    ),
    Case(
        "jmeter-csv",
        "timeStamp,elapsed,label,responseCode,responseMessage,success,bytes\n"
        '1700000000000,100,"Home, page",200,OK,true,10\n'
        "1700000000900,300,Home,500,broken,false,10\n",
        {
            ("", "service_time", "mean"): 0.2,
            ("", "error_rate", "value"): 0.5,
            ("Home, page", "service_time", "max"): 0.1,
            ("", "throughput", "value"): 2 / 1.2,
        },
    ),
    Case(  # header-less, semicolons, a date, and a transaction beside its part
        "jmeter-csv",
        "2024/05/06 07:08:09.100;40;T;200;Number of samples in transaction : 1, number of failing "
        "samples : 0;Group 1-1;;true;10\n"
        "2024/05/06 07:08:09.100;40;A;200;OK;Group 1-1;text;true;10\n"
        "2024/05/06 07:08:10.060;60;A;200;OK;Group 1-1;text;true;10\n",
        {
            ("", "requests", "value"): 2,
            ("T", "requests", "value"): 1,
            ("", "service_time", "mean"): 0.05,
        },
    ),
    Case(
        "jmeter-xml",
        '<?xml version="1.0"?><testResults version="1.2">'
        '<httpSample t="100" ts="1700000000000" s="true" lb="A" rc="200" by="5">'
        '<httpSample t="60" ts="1700000000000" s="true" lb="A-0" rc="302"/></httpSample>'
        '<sample t="300" ts="1700000000700" s="false" lb="B" rc="500"/></testResults>',
        {
            ("", "requests", "value"): 2,
            ("", "service_time", "mean"): 0.2,
            ("A-0", "requests", "value"): None,
        },
    ),
    Case(
        "jmeter-statistics",
        '{"Total":{"transaction":"Total","sampleCount":10,"errorCount":2,"errorPct":20.0,'
        '"meanResTime":150.5,"medianResTime":140,"pct1ResTime":200,"throughput":5.5,'
        '"receivedKBytesPerSec":2}}',
        {
            ("", "error_rate", "value"): 0.2,
            ("", "service_time", "pct1"): 0.2,
            ("", "service_time", "p90"): None,  # the percentile may have been moved
            ("", "data_rate", "value"): 2048,
        },
    ),
    Case(
        "gatling-log",
        "RUN\tmy.Simulation\tmysimulation\t1700000000000\t \t3.9.5\n"
        "USER\tS\tSTART\t1700000000000\n"
        "REQUEST\t\thome\t1700000000000\t1700000000100\tOK\t \n"
        "REQUEST\t\thome\t1700000000500\t1700000001000\tKO\tstatus 500\n",
        {("home", "service_time", "max"): 0.5, ("", "error_rate", "value"): 0.5}
        | {("", "requests", "value"): 2},
    ),
    Case(
        "gatling-stats",
        '{"type":"GROUP","name":"All Requests","stats":{"name":"All Requests","numberOfRequests":'
        '{"total":4,"ok":3,"ko":1},"meanResponseTime":{"total":120,"ok":100,"ko":180},'
        '"percentiles3":{"total":200,"ok":1,"ko":1},"meanNumberOfRequestsPerSecond":'
        '{"total":2.5,"ok":2,"ko":0.5}},"contents":{"r":{"type":"REQUEST","name":"home","stats":'
        '{"numberOfRequests":{"total":4,"ok":3,"ko":1},"meanResponseTime":{"total":120}}}}}',
        {
            ("", "error_rate", "value"): 0.25,
            ("", "service_time", "mean"): 0.12,
            ("home", "service_time", "mean"): 0.12,
            ("", "service_time", "p95"): None,
        },
    ),
    Case(
        "artillery",
        '{"aggregate":{"counters":{"http.requests":10,"http.codes.200":8,"http.codes.503":1,'
        '"errors.ETIMEDOUT":1},"rates":{"http.request_rate":5},"firstCounterAt":1700000000000,'
        '"summaries":{"http.response_time":{"min":1,"max":90,"count":9,"median":10,"p95":50}}},'
        '"intermediate":[]}',
        {
            ("", "error_rate", "value"): 0.2,
            ("", "service_time", "p95"): 0.05,
            ("", "throughput", "value"): 5,
        },
    ),
    Case(
        "vegeta-report",
        '{"latencies":{"mean":2000000,"50th":1500000,"99th":9000000,"max":10000000},"requests":10,'
        '"rate":5,"throughput":4,"success":0.8,"duration":2000000000,'
        '"earliest":"2025-01-01T00:00:00Z"}',
        {
            ("", "service_time", "p99"): 0.009,
            ("", "error_rate", "value"): 0.2,
            ("", "throughput", "value"): 4,
        },
    ),
    Case(
        "vegeta-results",
        '{"attack":"","seq":0,"code":200,"timestamp":"2025-01-01T00:00:00.000000000Z",'
        '"latency":1000000,"bytes_out":0,"bytes_in":5,"error":"","method":"GET","url":"http://x/"}\n'
        '{"attack":"","seq":1,"code":0,"timestamp":"2025-01-01T00:00:01Z","latency":3000000,'
        '"bytes_out":0,"bytes_in":0,"error":"refused","method":"GET","url":"http://x/"}\n',
        {("", "service_time", "mean"): 0.002, ("", "error_rate", "value"): 0.5},
    ),
    Case(
        "vegeta-results",
        "1700000000000000001,200,1500000,0,10,,Ym9keQ==,,0,GET,http://x/,\n",
        {("GET http://x/", "service_time", "max"): 0.0015, ("", "service_time", "max"): 0.0015},
    ),
    Case(
        "wrk",
        "Running 10s test @ http://x/\n  2 threads and 10 connections\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency   635.91us    0.89ms  12.92ms   93.69%\n    Req/Sec    56.20k     8.07k   62k\n"
        "  Latency Distribution\n     50%  250.00us\n     99%    5.80ms\n"
        "  1000 requests in 10.00s, 1.50MB read\n"
        "  Socket errors: connect 0, read 4, write 0, timeout 1\n"
        "  Non-2xx or 3xx responses: 45\nRequests/sec:    100.00\nTransfer/sec:    153.60KB\n",
        {
            ("", "service_time", "p99"): 0.0058,
            ("", "service_time", "mean"): 635.91e-6,
            ("", "error_rate", "value"): 50 / 1004,  # requests that broke are not among the 1000
            ("", "throughput", "value"): 100,
            ("", "data_rate", "value"): 153.6 * 1024,
        },
    ),
    Case(
        "hey",
        "\nSummary:\n  Total:\t4.5520 secs\n  Slowest:\t0.0161 secs\n  Fastest:\t0.0004 secs\n"
        "  Average:\t0.0011 secs\n  Requests/sec:\t4393.6538\n\nLatency distribution:\n"
        "  95% in 0.0013 secs\n\nStatus code distribution:\n  [200]\t90 responses\n"
        "  [503]\t8 responses\n\nError distribution:\n  [2]\tGet http://x/: refused\n",
        {
            ("", "service_time", "p95"): 0.0013,
            ("", "error_rate", "value"): 0.1,
            ("", "throughput", "value"): 4393.6538,
        },
    ),
    Case(
        "hey-csv",
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n"
        "0.5000,0.1,0,0,0,0,200,0.0\n0.3000,0.1,0,0,0,0,500,0.7\n",
        {("", "service_time", "mean"): 0.4, ("", "throughput", "value"): 2.0}
        | {("", "error_rate", "value"): None},  # requests without an answer have no row
    ),
    Case(
        "oha-json",
        '{"summary":{"successRate":1.0,"total":2.0,"slowest":0.5,"fastest":0.1,"average":0.2,'
        '"requestsPerSec":10,"sizePerSec":100},"latencyPercentiles":{"p50":0.2,"p99.9":null},'
        '"statusCodeDistribution":{"200":18,"503":2},"errorDistribution":{}}',
        {
            ("", "service_time", "mean"): 0.2,
            ("", "service_time", "p99.9"): None,
            ("", "error_rate", "value"): 0.1,
        },
    ),
    Case(
        "ab",
        "This is ApacheBench, Version 2.3\n\nServer Hostname:        x\nServer Port:            80\n"
        "Document Path:          /\nConcurrency Level:      10\n"
        "Time taken for tests:   2.000 seconds\nComplete requests:      100\n"
        "Failed requests:        5\nNon-2xx responses:      20\n"
        "Requests per second:    50.00 [#/sec] (mean)\n"
        "Time per request:       200.000 [ms] (mean)\n"
        "Time per request:       20.000 [ms] (mean, across all concurrent requests)\n"
        "Percentage of the requests served within a certain time (ms)\n  50%     61\n  95%     70\n"
        " 100%     79 (longest request)\n",
        {
            ("", "service_time", "mean"): 0.2,
            ("", "service_time", "max"): 0.079,
            ("", "service_time", "p95"): 0.07,
            ("", "error_rate", "value"): 0.2,
        },
    ),
    Case(
        "ab-tsv",
        "starttime\tseconds\tctime\tdtime\tttime\twait\n"
        "Tue Mar 01 13:13:25 2016\t1456827205\t115\t117\t232\t117\n",
        {("", "service_time", "max"): 0.232, ("", "error_rate", "value"): None},
    ),
    Case(
        "siege",
        "Transactions:\t\t         100 hits\nAvailability:\t\t       80.00 %\n"
        "Elapsed time:\t\t       10.00 secs\nResponse time:\t\t        0.25 secs\n"
        "Transaction rate:\t       10.00 trans/sec\nConcurrency:\t\t        2.5\n"
        "Successful transactions:         100\nFailed transactions:\t          25\n"
        "Longest transaction:\t        1.50\nShortest transaction:\t        0.01\n",
        {("", "service_time", "mean"): 0.25, ("", "error_rate", "value"): 0.2},
    ),
    Case(
        "fortio",
        '{"Labels":"l","StartTime":"2025-01-01T00:00:00Z","RequestedDuration":"2s","ActualQPS":50,'
        '"ActualDuration":2000000000,"DurationHistogram":{"Count":100,"Min":0.001,"Max":0.02,'
        '"Avg":0.005,"Data":[{"Start":0.001,"End":0.01,"Percent":95,"Count":95}],'
        '"Percentiles":[{"Percentile":90,"Value":0.008}]},"RetCodes":{"200":90,"503":10}}',
        {
            ("", "service_time", "p90"): 0.008,
            ("", "duration", "value"): 2.0,
            ("", "error_rate", "value"): 0.1,
        },
    ),
    Case(
        "taurus",
        '<?xml version="1.0"?><FinalStatus><Group label=""><avg_rt value="0.5"/><succ value="8"/>'
        '<fail value="2"/><throughput value="10"/><perc value="0.9" param="95.0"/></Group>'
        "</FinalStatus>",
        {("", "service_time", "p95"): 0.9, ("", "error_rate", "value"): 0.2}
        | {("", "requests", "value"): 10, ("", "throughput", "value"): None},
    ),
    Case(
        "pytest-benchmark",
        '{"machine_info":{},"commit_info":{"id":"abc"},"benchmarks":[{"name":"t","fullname":"f::t",'
        '"stats":{"mean":0.5,"median":0.4,"stddev":0.1,"rounds":5,"ops":2}}],'
        '"datetime":"2025-01-01T00:00:00"}',
        {("f::t", "time", "mean"): 0.5, ("f::t", "rate", "value"): 2},
    ),
    Case(
        "pyperf",
        '{"version":"1.0","metadata":{"name":"t","unit":"second"},"benchmarks":[{"runs":['
        '{"warmups":[[1,9.0]]},{"values":[0.1,0.2]},{"values":[0.3]}]}]}',
        {("t", "time", "mean"): 0.2, ("t", "time", "max"): 0.3},
    ),
    Case(
        "asv",
        '{"commit_hash":"abc","date":1700000000000,"params":{"machine":"m"},"result_columns":'
        '["result","params"],"results":{"b.time_x":[[0.5,null],[["1","2"]]],"b.peakmem_y":[[1024]],'
        '"b.track_z":[[NaN],[]]}}',
        {
            ("b.time_x(1)", "time", "p50"): 0.5,
            ("b.time_x(2)", "time", "p50"): None,
            ("b.peakmem_y", "peak_memory", "value"): 1024,
            ("b.track_z", "track", "value"): None,
        },
    ),
    Case(
        "hyperfine",
        '{"results":[{"command":"ls","mean":0.5,"median":0.4,"stddev":null,"times":[0.4,0.6],'
        '"exit_codes":[0,1]}]}',
        {
            ("ls", "time", "mean"): 0.5,
            ("ls", "error_rate", "value"): 0.5,
            ("ls", "time", "stdev"): None,
        },
    ),
    Case(
        "google-benchmark",
        '{"context":{"date":"2025-01-01"},"benchmarks":[{"name":"BM_x","iterations":10,'
        '"real_time":5,"cpu_time":4,"time_unit":"us"},{"name":"BM_x_median","run_name":"BM_x",'
        '"aggregate_name":"median","real_time":6,"time_unit":"us"},{"name":"BM_e",'
        '"error_occurred":true}]}',
        {("BM_x", "time", "mean"): 5e-6, ("BM_x", "time", "p50"): 6e-6},
    ),
    Case(
        "jmh",
        '[{"jmhVersion":"1.36","benchmark":"a.b","mode":"thrpt","params":{"n":"1"},"primaryMetric":'
        '{"score":46.9,"scoreUnit":"ops/ms","scorePercentiles":{"50.0":47.0},"rawData":[[46,47]]}},'
        '{"benchmark":"a.c","primaryMetric":{"score":3.5,"scoreUnit":"us/op"}}]',
        {("a.b(n=1)", "rate", "mean"): 46900, ("a.c", "time", "mean"): 3.5e-6},
    ),
    Case(
        "jmh",
        '"Benchmark","Mode","Threads","Samples","Score","Score Error (99.9%)","Unit","Param: n"\n'
        '"a.b","avgt",1,90,2.5,0.1,"ns/op",10\n"a.e","avgt",1,90,NaN,NaN,"ns/op",10\n',
        {("a.b(n=10)", "time", "mean"): 2.5e-9, ("a.e(n=10)", "time", "mean"): None},
    ),
    Case(
        "benchmarkdotnet",
        '{"Title":"T","HostEnvironmentInfo":{"BenchmarkDotNetVersion":"0.13"},"Benchmarks":[{'
        '"FullName":"A.B","Statistics":{"N":3,"Mean":77.5,"Median":77.4,"Percentiles":{"P95":78.5}},'
        '"Memory":{"BytesAllocatedPerOperation":368}},{"FullName":"A.C","Statistics":null}]}',
        {("A.B", "time", "mean"): 77.5e-9, ("A.B", "allocation", "mean"): 368}
        | {("A.B", "time", "p95"): 78.5e-9},
    ),
    Case(
        "criterion",
        "file                    time:   [2.0246 ns 2.2311 ns 2.4461 ns]\n"
        "                        change: [+506.22% +649.99% +857.69%] (p = 0.00 < 0.05)\n"
        "a/very/long/name\n                        time:   [1.0000 µs 1.5000 µs 2.0000 µs]\n"
        "                        thrpt:  [1.0 Melem/s 2.0 Melem/s 3.0 Melem/s]\n"
        "test old ... bench:       1,234 ns/iter (+/- 56)\n",
        {
            ("file", "time", "mean"): 2.2311e-9,
            ("a/very/long/name", "time", "mean"): 1.5e-6,
            ("a/very/long/name", "rate", "mean"): 2e6,
            ("old", "time", "p50"): 1.234e-6,
        },
    ),
    Case(
        "go-bench",
        "goos: linux\npkg: a/b\nBenchmarkX-8   \t 100\t 200 ns/op\t 16 B/op\t 2 allocs/op\n"
        "BenchmarkX-8   \t 100\t 300 ns/op\t 16 B/op\t 2 allocs/op\nBenchmarkY\nPASS\n",
        {("BenchmarkX-8", "time", "mean"): 250e-9, ("BenchmarkX-8", "allocation", "mean"): 16},
    ),
    Case(
        "github-action",
        '[{"name":"A","unit":"req/s","value":70},{"name":"B","unit":"Megabytes","value":150}]',
        {("A", "value", "value"): 70, ("B", "value", "value"): 150},
    ),
    Case(
        "github-action",
        'window.BENCHMARK_DATA = {"lastUpdate":1,"entries":{"S":[{"commit":{"id":"abc"},'
        '"date":1700000000000,"benches":[{"name":"A","value":5,"unit":"ns/iter"},'
        '{"name":"B","value":5,"unit":"µs/op"}]}]}}',
        {("A", "time", "value"): 5e-9, ("B", "time", "value"): 5e-6},
    ),
    Case(
        "otava-csv",
        "time;commit;m1\n2024.01.01 3:00:00 +0100;abc;154023\n",
        {("", "m1", "value"): 154023},
    ),
    Case(
        "pgbench",
        "pgbench (16.1)\ntransaction type: <builtin: TPC-B>\nscaling factor: 10\n"
        "number of clients: 4\nnumber of transactions actually processed: 900\n"
        "number of failed transactions: 100 (10.000%)\nlatency average = 22.203 ms\n"
        "latency stddev = 1.5 ms\ninitial connection time = 9.5 ms\n"
        "tps = 540.47 (without initial connection time)\n",
        {
            ("", "transaction_time", "mean"): 0.022203,
            ("", "throughput", "value"): 540.47,
            ("", "error_rate", "value"): 0.1,
            ("", "connection_time", "mean"): 0.0095,
        },
    ),
    Case(
        "pgbench-log",
        "0 199 2241 0 1175850568 995598\n0 200 2465 0 1175850569 608\n0 201 failed 0 1175850569 900\n",
        {("", "requests", "value"): 2, ("", "service_time", "min"): 0.002241}
        | {("", "error_rate", "value"): 1 / 3},  # a failed transaction has no time
    ),
    Case(
        "pgbench-log",
        "1345828501 5601 1542744 483552416 61 2573\n1345828503 7884 1979812 565806736 60 1479\n",
        {("", "transactions", "value"): 13485, ("", "transaction_time", "max"): 0.002573},
    ),
    Case(
        "sysbench",
        "sysbench 1.0.17 (using system LuaJIT 2.0.4)\n\nRunning the test with following options:\n"
        "Number of threads: 8\n\nSQL statistics:\n    transactions:     80  (26.6 per sec.)\n"
        "General statistics:\n    total time:   3.0000s\n    total number of events:   80\n\n"
        "Latency (ms):\n         min:       11.88\n         avg:      239.02\n"
        "         max:      860.75\n         95th percentile:      376.49\n         sum:  19208.78\n",
        {("", "event_time", "p95"): 0.37649, ("", "throughput", "value"): 26.6},
    ),
    Case(
        "sysbench",
        "sysbench 0.4.12:  multi-threaded system evaluation benchmark\n\n"
        "Running the test with following options:\nNumber of threads: 1\n\n"
        "    total number of events:              100\n    response time:\n"
        "         min:                                  0.45ms\n"
        "         avg:                                  0.81ms\n"
        "         approx.  95 percentile:               1.10ms\nThreads fairness:\n",
        {("", "event_time", "p95"): 0.0011, ("", "event_time", "mean"): 0.00081},
    ),
    Case(
        "base-benchmark",
        '[{"BlockNumber":0,"Timestamp":"2025-01-01T00:00:00Z","ExecutionMetrics":'
        '{"latency/get_payload":25000000,"transactions/per_block":10}},{"BlockNumber":1,'
        '"Timestamp":"2025-01-01T00:00:02Z","ExecutionMetrics":{"latency/get_payload":35000000}}]',
        {("", "latency/get_payload", "mean"): 0.03, ("", "block_transactions", "max"): 10},
    ),
    Case(
        "chainhammer",
        "## (x) Geth with 100 txs: 95.0 TPS\n"
        "block 7 | new #TX 10 / 5000 ms =   2.0 TPS_current | total: #TX  10 /  5.3 s =  1.9 TPS_a\n"
        "### info raw:\n{'diagrams': {'blocktimestampsTpsAv': 95.04},\n 'send': {'num_txs': 100},\n"
        " 'tps': {'finalTpsAv': 87.7, 'start_epochtime': 1554912011.5}}\n",
        {("", "throughput", "mean"): 95.04, ("watcher", "throughput", "mean"): 87.7},
    ),
    Case(
        "caliper",
        "<!doctype html><html><head><title>Hyperledger Caliper Report</title></head><body><table>"
        "<tr><th>Name</th><th>Succ</th><th>Fail</th><th>Send Rate (TPS)</th><th>Max Latency (s)</th>"
        "<th>Min Latency (s)</th><th>Avg Latency (s)</th><th>Throughput (TPS)</th></tr><tr><td>open"
        "</td><td>90</td><td>10</td><td>50.5</td><td>2.00</td><td>0.10</td><td>0.75</td><td>49.1"
        "</td></tr></table></body></html>",
        {
            ("open", "transaction_time", "mean"): 0.75,
            ("open", "throughput", "value"): 49.1,
            ("open", "error_rate", "value"): 0.1,
        },
    ),
    Case(
        "prometheus",
        "# HELP x_seconds A time.\n# TYPE x_seconds summary\n"
        'x_seconds{q="a",quantile="0.5"} 0.25\nx_seconds_sum{q="a"} 10\nx_seconds_count{q="a"} 4\n'
        "# TYPE y gauge\ny NaN\n",
        {('{q="a"}', "x_seconds", "p50"): 0.25, ('{q="a"}', "x_seconds", "count"): 4}
        | {("", "y", "value"): None},
    ),
    Case(  # `-S`: no deviation, no median; a request may be of both kinds of failure
        "ab",
        "This is ApacheBench, Version 2.3 <x>\nServer Hostname:        x\n"
        "Time taken for tests:   2.000 seconds\nComplete requests:      100\n"
        "Failed requests:        5\nConnection Times (ms)\n              min   avg   max\n"
        "Total:          1     7   22\n",
        {("", "service_time", "min"): 0.001, ("", "service_time", "max"): 0.022}
        | {("", "error_rate", "value"): 0.05, ("", "service_time", "stdev"): None},
    ),
    Case(
        "ab",
        "This is ApacheBench, Version 2.3 <x>\n<table >\n<tr ><th>Complete requests:</th>"
        "<td>100</td></tr>\n<tr ><th>Failed requests:</th><td>0</td></tr>\n<tr ><th>Requests per "
        "second:</th><td>743.89</td></tr>\n<tr ><th>Total:</th><td> 1</td><td> 6</td><td> 28</td>"
        "</tr>\n</table>\n",
        {("", "throughput", "value"): 743.89, ("", "service_time", "max"): 0.028},
    ),
    Case(  # no times of day: the rows tell no rate, and what is stated is not computed again
        "siege",
        "\x1b[0;34mHTTP/1.1 200     0.10 secs:      10 bytes ==> GET  /\x1b[0m\n"
        "HTTP/1.1 500     0.30 secs:      10 bytes ==> GET  /\nTransactions:\t\t     1 hits\n",
        # requests without an answer have no line
        {("", "service_time", "mean"): 0.2, ("", "error_rate", "value"): None}
        | {("", "throughput", "value"): None, ("", "requests", "value"): 1},
    ),
    Case(  # no answer at all: zeros that were not measured
        "hey",
        "\nSummary:\n  Total:\t0.0018 secs\n  Slowest:\t0.0000 secs\n  Fastest:\t0.0000 secs\n"
        "  Average:\t NaN secs\n  Requests/sec:\t11070.1883\n\nError distribution:\n"
        "  [20]\tGet http://x/: refused\n",
        {("", "error_rate", "value"): 1, ("", "service_time", "min"): None},
    ),
    Case(  # times in a format of the user's own, which could be anything
        "jmeter-csv",
        "timeStamp,elapsed,label,success\nat dawn,500,a,true\nat noon,1500,a,false\n",
        {("", "service_time", "mean"): 1.0, ("", "error_rate", "value"): 0.5}
        | {("", "throughput", "value"): None},
    ),
    Case(  # one name in two groups is two requests
        "gatling-log",
        "RUN\ts.Sim\tsim\t1700000000000\t \t3.9.5\n"
        "REQUEST\tLogin,Post\tGET\t1700000000000\t1700000000100\tOK\t \n"
        "REQUEST\tCart\tGET\t1700000000000\t1700000000300\tOK\t \n",
        {("Login / Post / GET", "service_time", "max"): 0.1, ("", "service_time", "mean"): 0.2},
    ),
    Case(  # the brief report of old versions has no full name
        "benchmarkdotnet",
        '{"HostEnvironmentInfo":{},"Benchmarks":[{"Namespace":"N","Type":"T","Method":"M",'
        '"Statistics":{"Mean":5}},{"Namespace":null,"Type":"T","Method":"M","Statistics":{"Mean":6}}]}',
        {("N.T.M", "time", "mean"): 5e-9, ("T.M", "time", "mean"): 6e-9},
    ),
    Case(  # repetitions are samples, a percentage is no time
        "google-benchmark",
        '{"context":{},"benchmarks":[{"name":"B","real_time":1,"time_unit":"ns"},{"name":"B",'
        '"real_time":3,"time_unit":"ns"},{"name":"B_median","run_name":"B","aggregate_name":"median",'
        '"real_time":2.5,"time_unit":"ns"},{"name":"B_cv","run_name":"B","aggregate_name":"cv",'
        '"aggregate_unit":"percentage","real_time":0.5,"time_unit":"ns"}]}',
        {("B", "time", "mean"): 2e-9, ("B", "time", "p50"): 2.5e-9, ("B", "time", "max"): 3e-9},
    ),
    Case(  # several modes that measure time
        "jmh",
        '[{"benchmark":"a","mode":"avgt","primaryMetric":{"score":1,"scoreUnit":"s/op"}},'
        '{"benchmark":"a","mode":"ss","primaryMetric":{"score":9,"scoreUnit":"s/op"}}]',
        {("a", "time", "mean"): 1, ("a(mode=ss)", "time", "mean"): 9},
    ),
    Case(  # the profiler of memory counts in 1024
        "jmh",
        '[{"benchmark":"a","mode":"avgt","primaryMetric":{"score":1,"scoreUnit":"s/op"},'
        '"secondaryMetrics":{"gc.alloc.rate":{"score":1.5,"scoreUnit":"MB/sec"}}}]',
        {("a", "gc.alloc.rate", "mean"): 1.5 * 2**20},
    ),
    Case(
        "jmh",
        "Benchmark  Mode  Cnt  Score  Error  Units\na  avgt  5  1.0 ± 0.1  s/op\n"
        "a  ss  5  9.0 ± 0.1  s/op\n",
        {("a", "time", "mean"): 1, ("a(mode=ss)", "time", "mean"): 9},
    ),
    Case(  # sizes of programs, a unit without a slash
        "go-bench",
        "pkg: a\nBenchmarkzap_total 1 10138651 total-bytes\npkg: b\nBenchmarkY 1 0.59 inputs-quality\n",
        {("a.Benchmarkzap_total", "total-bytes", "mean"): 10138651},
    ),
    Case(  # names of several words, units of other tools
        "criterion",
        "test For loop (Execution) ... bench:       12314 ns/iter (+/- 123)\n"
        "test cmov ... bench:        2835 cycles/iter (+/- 14)\n",
        {("For loop (Execution)", "time", "p50"): 12314e-9, ("cmov", "value", "p50"): 2835},
    ),
    Case(
        "otava-csv",
        "time,m1,m2\n1609466400,154023,10.43\n",
        {("", "m1", "value"): 154023, ("", "m2", "value"): 10.43},
    ),
    Case(  # one message with two tracebacks
        "locust-errors",
        "Count,Message,Traceback,Nodes\n1,boom,a,local\n2,boom,b,local\n",
        {("boom", "exceptions", "value"): 3, ("", "exceptions", "value"): 3},
    ),
    Case(  # OpenMetrics: escapes, an exemplar, a histogram without sum and count
        "prometheus",
        '# TYPE a counter\n# UNIT a \na_total{p="b\\z # "} 2 # {t="#"} 1 1700000000.5\n'
        '# TYPE h histogram\nh_bucket{le="-1.0"} 0\nh_bucket{le="+Inf"} 3\n# EOF\n',
        {('{p="b\\\\z # "}', "a_total", "value"): 2, ("", "h", "count"): 3, ("", "h", "sum"): None},
    ),
    Case(  # version 15: the intervals at both ends are cut, failures are counted apart
        "pgbench-log",
        "1700000001 2 200 0 90 110 0 0 0 0 0 0 0 0 0\n1700000002 50 5000 0 80 120 0 0 0 0 9 0 0 20 5\n"
        "1700000003 20 2000 0 90 110 0 0 0 0 0 0 0 3 0\n",
        {("", "throughput", "value"): 50, ("", "error_rate", "value"): 0.28}
        | {("", "transaction_time", "mean"): 100e-6},
    ),
    Case(  # before, skipped transactions were among the counted
        "pgbench-log",
        "1700000001 10 900 0 90 110 5 25 1 9 1\n",
        # it ran at a rate: it has lags
        {("", "transactions", "value"): 9, ("", "response_time", "mean"): 100e-6},
    ),
    Case(  # reconnecting, two scripts with the same statement, failures and retries
        "pgbench",
        "transaction type: multiple scripts\nnumber of transactions actually processed: 60/60\n"
        "tps = 78.25 (including reconnection times)\nSQL script 1: a.sql\n"
        " - statement latencies in milliseconds, failures and retries:\n"
        "         0.500           0           0  END;\nSQL script 2: b.sql\n"
        " - statement latencies in milliseconds, failures and retries:\n"
        "         0.700           0           0  END;\n",
        {("", "throughput", "value"): 78.25, ("a.sql: END;", "statement_time", "mean"): 0.0005}
        | {("b.sql: END;", "statement_time", "mean"): 0.0007},
    ),
    Case(  # an answer that was no text, saved with characters that XML forbids
        "jmeter-xml",
        '<testResults><httpSample t="100" ts="1700000000000" s="true" lb="A"><responseData>&#x1b;&#x0;'
        "&#8;&amp;&#xa;</responseData></httpSample></testResults>",
        {("", "service_time", "mean"): 0.1},
    ),
    Case(  # Artillery 1.7 has counters, its user's own, beside the codes
        "artillery",
        '{"aggregate":{"timestamp":"2020-01-01T00:00:00.000Z","requestsCompleted":4,"latency":'
        '{"min":1,"max":9,"median":5,"p95":8,"p99":9},"rps":{"count":4,"mean":2},"errors":{},'
        '"codes":{"200":3,"500":1},"customStats":{},"counters":{"mine":3}},"intermediate":[]}',
        {
            ("", "service_time", "p95"): 0.008,
            ("", "error_rate", "value"): 0.25,
            ("", "requests", "value"): 4,
        },
    ),
    Case(  # answers of one status, pages of a browser: their times in ms, a layout shift without unit
        "artillery",
        '{"aggregate":{"counters":{"http.requests":2},"rates":{},"summaries":{'
        '"http.response_time.4xx":{"mean":20},"browser.page.LCP.http://x/":{"p95":300},'
        '"browser.page.CLS.http://x/":{"p95":0.1},"browser.step.log in":{"max":50}}},'
        '"intermediate":[]}',
        {
            ("4xx", "service_time", "mean"): 0.02,
            ("", "browser.page.LCP.http://x/", "p95"): 0.3,
            ("", "browser.page.CLS.http://x/", "p95"): 0.1,
            ("", "browser.step.log in", "max"): 0.05,
        },
    ),
    Case(  # what the simulation asserts stands before the run
        "gatling-log",
        "ASSERTION\tAAMD\nASSERTION\tAAME\nRUN\ts.Sim\tsim\t1700000000000\t \t3.5.1\n"
        "REQUEST\t\thome\t1700000000000\t1700000000250\tOK\t \n",
        {("home", "service_time", "max"): 0.25, ("", "error_rate", "value"): 0},
    ),
    Case(  # before 2.16: tables, whole milliseconds
        "locust-html",
        "<!DOCTYPE html><html><head><title>Test Report</title></head><body><h1>Locust Test Report"
        "</h1><p>During: <span>2021-01-01 00:00:00 - 2021-01-01 00:01:00</span></p><table><tr>"
        "<th>Method</th><th>Name</th><th># Requests</th><th># Fails</th><th>Average (ms)</th>"
        "<th>Max (ms)</th><th>RPS</th></tr><tr><td>GET</td><td>/a</td><td>8</td><td>2</td><td>52"
        "</td><td>89</td><td>4.5</td></tr><tr><td></td><td>Aggregated</td><td>8</td><td>2</td>"
        "<td>52</td><td>89</td><td>4.5</td></tr></table><table><tr><th>Method</th><th>Name</th>"
        "<th>95%ile (ms)</th><th>100%ile (ms)</th></tr><tr><td>GET</td><td>/a</td><td>66</td>"
        "<td>90</td></tr></table></body></html>\n",
        {
            ("GET /a", "service_time", "mean"): 0.052,
            ("GET /a", "service_time", "max"): 0.089,
            ("GET /a", "service_time", "p95"): 0.066,
            ("", "error_rate", "value"): 0.25,
            ("", "throughput", "value"): 4.5,
        },
    ),
    Case(  # each report is on the time since the checkpoint before it
        "sysbench",
        "sysbench 1.0.20 (x)\nRunning the test with following options:\nNumber of threads: 1\n"
        "[ 1s ] Checkpoint report:\n    total number of events:    7\n"
        "    execution time (avg/stddev):   1.0/0.00\n"
        "    total number of events:    9\n    execution time (avg/stddev):   1.0/0.00\n",
        {("", "events", "value"): 9},
    ),
    Case(  # no answer, no times
        "siege",
        "Transactions: 0 hits\nResponse time: 0.00 secs\nTransaction rate: 0.00 trans/sec\n"
        "Failed transactions: 4\nLongest transaction: 0.00\nShortest transaction: 0.00\n",
        {("", "error_rate", "value"): 1, ("", "service_time", "mean"): None}
        | {("", "service_time", "max"): None},
    ),
    Case(
        "siege-log",
        "      Date & Time,  Trans,  Elap Time,  Data Trans,  Resp Time,  Trans Rate,  Throughput,"
        "  Concurrent,    OKAY,   Failed\n"
        "2024-01-01 10:00:00,   0,   0.10,   0,   0.00,   0.00,   0.00,   0.00,   0,   5\n",
        {("", "error_rate", "value"): 1, ("", "service_time", "mean"): None},
    ),
    Case(  # two kinds of names of asv's, a function that only looks alike
        "asv",
        '{"commit_hash":"c","results":{"a.TimeX.y":1,"a.TimeSort":0.5,"a.PeakMemX":64,'
        '"a.timely":3}}',
        {
            ("a.TimeSort", "time", "p50"): 0.5,
            ("a.PeakMemX", "peak_memory", "value"): 64,
            ("a.timely", "value", "value"): 3,
        },
    ),
    Case(  # the CSV tells aggregates by their names; a fitted curve is no time
        "google-benchmark",
        "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,"
        'error_occurred,error_message,"mine"\n"A/8",10,2,1,us,,100,,,,7\n'
        '"A_mean",3,4,3,ms,,,,,,\n"A_stddev",3,1,1,ms,,,,,,\n"A_BigO",,4.5,4.3,lgN,,,,,,\n'
        '"A_RMS",,0.3,0.3,,,,,,,\n"my_mean",1,5,5,ns,,,,,,\n"E",,,,,,,,true,"boom",\n',
        {
            ("A/8", "time", "mean"): 2e-6,
            ("A/8", "rate", "mean"): 100,
            ("A/8", "mine", "mean"): 7,
            ("A", "time", "mean"): 4e-3,
            ("A", "time", "stdev"): 1e-3,
            ("my_mean", "time", "mean"): 5e-9,
            ("A_BigO", "time", "mean"): None,
        },
    ),
    Case(
        "google-benchmark",
        "Running ./bm\n-----\nBenchmark            Time        CPU   Iterations UserCounters...\n"
        "-----\nA/64              44.3 ns    22.7 ns       564269 foo=42 items_per_second=44M/s\n"
        "A_BigO            5.03 lgN   4.18 lgN\n",
        {("A/64", "time", "mean"): 44.3e-9, ("A/64", "cpu_time", "mean"): 22.7e-9},
    ),
    Case(  # events of `-json`; a line comes in pieces
        "go-bench",
        '{"Time":"2024-01-01T00:00:00Z","Action":"output","Package":"p","Output":"goos: linux\\n"}\n'
        '{"Time":"2024-01-01T00:00:00Z","Action":"output","Package":"p","Output":"BenchmarkA-2 \\t"}\n'
        '{"Time":"2024-01-01T00:00:01Z","Action":"output","Package":"p","Output":"  10\\t'
        '  5 ns/op\\t 16 B/op\\n"}\n{"Time":"2024-01-01T00:00:02Z","Action":"pass","Package":"p"}\n',
        {("BenchmarkA-2", "time", "mean"): 5e-9, ("BenchmarkA-2", "allocation", "mean"): 16},
    ),
    Case(  # samples of several iterations each
        "criterion",
        "group,function,value,throughput_num,throughput_type,sample_measured_value,unit,"
        "iteration_count\nFib,Iter,20,,,100,ns,10\nFib,Iter,20,,,600,ns,20\n",
        {("Fib/Iter/20", "time", "mean"): 20e-9, ("Fib/Iter/20", "time", "max"): 30e-9},
    ),
    Case(
        "criterion",
        '{"sampling_mode":"Linear","iters":[1.0,2.0],"times":[10.0,30.0]}',
        {("", "time", "mean"): 12.5e-9, ("", "time", "min"): 10e-9},
    ),
    Case(  # the last of several moments; of two at one time the first
        "prometheus",
        '# TYPE a gauge\na{x="1 # }"} 1 100.5\na{x="1 # }"} 3 160.5\na{x="2"} 7 5\na{x="2"} 8 5\n'
        "# EOF\n",
        {('{x="1 # }"}', "a", "value"): 3, ('{x="2"}', "a", "value"): 7},
    ),
    Case(  # more broken connections than answers
        "wrk",
        "Running 10s test @ http://x/\n  2 threads and 10 connections\n  100 requests in 10.00s, 1B read\n"
        "  Socket errors: connect 0, read 300, write 0, timeout 0\n",
        {("", "error_rate", "value"): 0.75},
    ),
    Case(  # one request that failed in two ways
        "locust-errors",
        "Method,Name,Error,Occurrences\nGET,/a,503,3\nGET,/a,timeout,1\n",
        {("GET /a", "failures", "value"): 4, ("GET /a: timeout", "failures", "value"): 1}
        | {("", "failures", "value"): 4},
    ),
    Case(  # before 0.10 failures were no requests
        "locust-json",
        '[{"name":"/a","method":"GET","num_requests":1,"num_failures":3,"total_response_time":400,'
        '"response_times":{"400":1}},{"name":"/b","method":"GET","num_requests":0,"num_failures":2,'
        '"total_response_time":0,"response_times":{}}]',
        {("GET /a", "error_rate", "value"): 0.75, ("GET /b", "error_rate", "value"): 1}
        | {("", "error_rate", "value"): 5 / 6},
    ),
    Case(  # Locust 0.13 and 0.14: cumulative counts under the names of the table
        "locust-history",
        '"Type","Name","Timestamp","# requests","# failures","Requests/s","Requests Failed/s",'
        '"Median response time","Average response time","Min response time","Max response time",'
        '"Average Content Size","50%","95%","100%"\n'
        '"GET","/a","1580000000",2,0,1.00,0.00,50,52,7,90,10.00,50,90,90\n'
        '"None","Aggregated","1580000010",10,1,2.00,0.10,50,52,7,90,10.00,51,91,91\n',
        {
            ("", "requests", "value"): 10,
            ("", "error_rate", "value"): 0.1,
            ("", "service_time", "mean"): 0.052,
            ("", "service_time", "p95"): None,
            ("GET /a", "service_time", "max"): 0.09,
        },
    ),
    Case(
        "locust-stats",
        '"Type","Name","# requests","# failures","Average response time","Requests/s",'
        '"Requests Failed/s","95%","99.999"\n"GET","/a",4,1,52,2.00,0.50,90,99\n',
        {("GET /a", "failure_rate", "value"): 0.5, ("GET /a", "service_time", "mean"): 0.052},
    ),
    Case(  # version 6, without the attack and its sequence
        "vegeta-results",
        "1700000000000000001,500,1500000,0,10,500 Internal Server Error,\n",
        {("", "service_time", "max"): 0.0015, ("", "error_rate", "value"): 1},
    ),
    Case(
        "vegeta-results",
        '{"code":200,"timestamp":"2015-01-01T00:00:00Z","latency":1000000,"bytes_out":0,'
        '"bytes_in":5,"error":"","body":null}\n'
        '{"code":200,"timestamp":"2015-01-01T00:00:01Z","latency":3000000,"bytes_out":0,'
        '"bytes_in":5,"error":"","body":null}\n',
        {("", "service_time", "mean"): 0.002},
    ),
    Case(  # hey when it was called boom
        "hey",
        "Summary:\n  Total:\t1.2345 secs.\n  Slowest:\t0.0561 secs.\n  Fastest:\t0.0083 secs.\n"
        "  Average:\t0.0465 secs.\n  Requests/sec:\t107.1725\n\nStatus code distribution:\n"
        "  [200]\t100 responses\n\nLatency distribution:\n  95% in 0.0521 secs.\n",
        {("", "service_time", "p95"): 0.0521, ("", "service_time", "mean"): 0.0465}
        | {("", "duration", "value"): 1.2345},
    ),
    Case(  # commas of an old version
        "k6-text",
        "    http_req_duration......: avg=11.38ms, max=12.5ms, med=11ms, min=10ms, p90=12ms, p95=12.4ms\n"
        "    iterations.............: 10\n    vus_max................: 1\n",
        {("", "service_time", "mean"): 0.01138, ("", "service_time", "p95"): 0.0124},
    ),
    Case(  # a score too small for its column
        "jmh",
        "Benchmark  Mode  Cnt  Score  Error  Units\na  avgt  5  ≈ 10⁻⁶         s/op\n",
        {("a", "time", "mean"): 1e-6},
    ),
    Case(  # one benchmark on two runtimes
        "benchmarkdotnet",
        '{"Title":"t","HostEnvironmentInfo":{},"Benchmarks":[{"DisplayInfo":"T.M: Job-A(Runtime='
        '.NET 6.0)","FullName":"N.T.M","Statistics":{"Mean":5}},{"DisplayInfo":"T.M: Job-B","FullName'
        '":"N.T.M","Statistics":{"Mean":6}}]}',
        {("N.T.M [Job-A(Runtime=.NET 6.0)]", "time", "mean"): 5e-9}
        | {("N.T.M [Job-B]", "time", "mean"): 6e-9},
    ),
    Case(  # pgbench until 9.5; quoted without the first line of the report
        "pgbench",
        "scaling factor: 1\nnumber of transactions actually processed: 720\nlatency average: 6.663 ms\n"
        "tps = 2400.9 (including connections establishing)\n"
        "tps = 2401.0 (excluding connections establishing)\nstatement latencies in milliseconds:\n"
        "\t6.659889\tselect 1;\n",
        {
            ("", "transaction_time", "mean"): 0.006663,
            ("", "throughput", "value"): 2401,
            ("select 1;", "statement_time", "mean"): 0.006659889,
        },
    ),
    Case(
        "benchmarkdotnet",
        "```\nBenchmarkDotNet v0.13.12, Linux\n\n```\n| Method     | Runtime  | N   | Mean       "
        "| Error | StdDev  | Allocated |\n|----------- |--------- |---- |-----------:|------:|--------:"
        "|----------:|\n| Sort       | .NET 6.0 | 100 | 1,234.5 ns | 1 ns  | 10.0 ns |   1.5 KB |\n"
        "| **Sort**   | .NET 8.0 | 100 |   **2.0 μs** | 1 ns  | 10.0 ns |         - |\n"
        "| Broken     | .NET 8.0 | 100 |         NA | NA    |      NA |        NA |\n",
        {
            ("Sort(N=100) [.NET 6.0]", "time", "mean"): 1234.5e-9,
            ("Sort(N=100) [.NET 6.0]", "allocation", "mean"): 1536,
            ("Sort(N=100) [.NET 8.0]", "time", "mean"): 2e-6,
            ("Broken(N=100)", "time", "mean"): None,
        },
    ),
    Case(
        "hyperfine",
        "| Command | Mean [ms] | Min [ms] | Max [ms] | Relative |\n|:---|---:|---:|---:|---:|\n"
        "| `sleep 0.01` | 12.5 ± 0.3 | 11.9 | 13.1 | 1.00 |\n",
        {
            ("sleep 0.01", "time", "mean"): 0.0125,
            ("sleep 0.01", "time", "stdev"): 0.0003,
            ("sleep 0.01", "time", "max"): 0.0131,
        },
    ),
    Case(  # old reports say the units in the cells
        "caliper",
        "<html><title>Hyperledger Caliper Report</title><table><tr><th>Test</th><th>Name</th>"
        "<th>Succ</th><th>Fail</th><th>Send Rate</th><th>Max Latency</th><th>Avg Latency</th>"
        "<th>Throughput</th></tr><tr><td>1</td><td>open</td><td>90</td><td>10</td><td>50.7 tps</td>"
        "<td>0.63 s</td><td>0.30 s</td><td>47.6 tps</td></tr></table></html>\n",
        {
            ("open", "throughput", "value"): 47.6,
            ("open", "transaction_time", "max"): 0.63,
            ("open", "error_rate", "value"): 0.1,
        },
    ),
    Case(  # a language that writes decimal commas; JMeter leaves a zero before them out
        "jmeter-table",
        "Label,# Samples,Average,Median,90% Line,95% Line,99% Line,Min,Max,Error %,Throughput,"
        'Received KB/sec,Sent KB/sec\n"a, b",6,3487,3351,4273,4926,4926,1897,4926,"16,667%",",28663",'
        '"1605,52","22,83"\n',
        {
            ("a, b", "error_rate", "value"): 0.16667,
            ("a, b", "throughput", "value"): 0.28663,
            ("a, b", "data_rate", "value"): 1605.52 * 1024,
            ("a, b", "service_time", "mean"): 3.487,
        },
    ),
    Case(
        "jmh",
        '"Benchmark","Mode","Threads","Samples","Score","Score Error (99,9%)","Unit"\n'
        '"a","avgt",1,5,"12,345678","0,1","ns/op"\n',
        {("a", "time", "mean"): 12.345678e-9},
    ),
    Case(
        "jmh",
        "Benchmark  Mode  Cnt   Score   Error  Units\na          avgt    5  12,345 ± 0,100  ns/op\n",
        {("a", "time", "mean"): 12.345e-9},
    ),
    Case(
        "github-action",
        '[{"name":"build","unit":"Seconds","value":45},{"name":"b","unit":"MB","value":2}]',
        {("build", "time", "value"): 45},
    ),
    Case(  # Locust takes the rate of each request over the whole run
        "locust-json",
        '[{"name":"/a","method":"GET","num_requests":8,"num_failures":0,"total_response_time":400,'
        '"start_time":1700000000,"last_request_timestamp":1700000004,"response_times":{"50":8}},'
        '{"name":"/b","method":"GET","num_requests":4,"num_failures":0,"total_response_time":200,'
        '"start_time":1700000002,"last_request_timestamp":1700000003,"response_times":{"50":4}}]',
        {("GET /b", "throughput", "value"): 1, ("", "throughput", "value"): 3},
    ),
    Case(  # no answer, no times
        "wrk",
        "Running 10s test @ http://x/\n  2 threads and 10 connections\n"
        "    Latency     0.00us    0.00us   0.00us    -nan%\n  Latency Distribution\n"
        "     50%    0.00us\n  0 requests in 10.00s, 0.00B read\n"
        "  Socket errors: connect 10, read 0, write 0, timeout 0\nRequests/sec:      0.00\n",
        {
            ("", "service_time", "mean"): None,
            ("", "service_time", "p50"): None,
            ("", "error_rate", "value"): 1,
        },
    ),
    Case(
        "sysbench",
        "sysbench 1.0.20 (x)\nRunning the test with following options:\n    total number of events: 0\n"
        "Latency (ms):\n         min:    0.00\n         avg:    0.00\n",
        {("", "event_time", "mean"): None, ("", "events", "value"): 0},
    ),
    Case(  # Nighthawk's: seconds, and the rate of one of its workers
        "fortio",
        '{"ActualQPS":50,"ActualDuration":30,"DurationHistogram":{"Count":17988,"Avg":0.005}}',
        {("", "duration", "value"): 30.0},
    ),
    Case(  # a number of calls was asked for, not a time
        "fortio",
        '{"RequestedDuration":"exactly 100 calls","ActualQPS":50,"ActualDuration":2000000000,'
        '"DurationHistogram":{"Count":100,"Avg":0.005}}',
        {("", "duration", "value"): 2.0},
    ),
    Case(
        "fortio",
        '{"ActualQPS":0,"DurationHistogram":{"Count":0,"Avg":0,"Percentiles":[{"Percentile":50,'
        '"Value":0}]}}',
        {("", "service_time", "mean"): None, ("", "requests", "value"): 0},
    ),
    Case(  # the thirteenth is a day, so the fifth is one as well
        "jmeter-csv",
        "timeStamp,elapsed,label,success\n05/11/2023 10:00:00,1000,a,true\n"
        "13/11/2023 10:00:00,1000,a,true\n",
        {("", "throughput", "value"): 2 / (8 * 86400 + 1)},
    ),
    Case(  # two digits of the year, half a day
        "jmeter-csv",
        "timeStamp,elapsed,label,success\n11/14/23 12:59:59 PM,500,a,true\n"
        "11/14/23 01:00:01 PM,1000,a,true\n",
        {("", "throughput", "value"): 2 / 3},
    ),
    Case(
        "jmeter-table",
        "라벨,표본 수,평균,중간값,90% 선,최소값,최대값,오류 %,처리량,수신 KB/초\n"
        "A,10,5,4,8,1,9,0.00%,1.5,2.0\n총계,10,5,4,8,1,9,50.00%,1.5,2.0\n",
        {("", "error_rate", "value"): 0.5, ("A", "service_time", "p90"): 0.008},
    ),
    Case(  # answers after the timeout have no time
        "wrk",
        "Running 3s test @ http://x/\n  1 threads and 4 connections\n"
        "    Latency     0.00us    0.00us   0.00us    -nan%\n  Latency Distribution\n"
        "     50%    0.00us\n  8 requests in 3.07s, 1.89KB read\n"
        "  Socket errors: connect 0, read 0, write 0, timeout 8\nRequests/sec:      2.60\n",
        {
            ("", "service_time", "mean"): None,
            ("", "service_time", "p50"): None,
            ("", "error_rate", "value"): 1,
        },
    ),
    Case(  # wrk2 without `--latency` in less than the ten seconds of its calibration
        "wrk",
        "Running 2s test @ http://x/\n  1 threads and 4 connections\n"
        "    Latency    29.00ms    7.52ms  48.03ms   72.50%\n"
        "    Req/Sec       -nan      -nan   0.00      0.00%\n  40 requests in 2.04s, 9KB read\n",
        {("", "response_time", "mean"): 0.029, ("", "service_time", "mean"): None},
    ),
    Case(  # summary and lines are two streams; of ten requests two were 404 and one a 500
        "siege",
        "** SIEGE 4.0.7\n[Wed, 2026-11-25 22:19:01] HTTP/1.1 200(C)  0.20 secs:       6 bytes ==>"
        " GET  /a\nTransactions:\t\t9 hits\nSuccessful transactions: 7\nFailed transactions: 1\n"
        "Longest transaction: 0.40\nShortest transaction: 0.20\n"
        "[Wed, 2026-11-25 22:19:03] HTTP/1.1 404     0.40 secs:     153 bytes ==> GET  /b\n",
        {
            ("", "error_rate", "value"): 0.3,
            ("GET /a", "requests", "value"): 1,
            ("GET /b", "requests", "value"): 1,
            ("GET /b", "error_rate", "value"): None,
        },
    ),
    Case(  # `csv = true`, with a comma in the address
        "siege",
        "  3,HTTP/1.1,200,  0.25,      6,http://x/a?b=1,2,0,2026-11-25 22:19:01\n",
        {("http://x/a?b=1,2", "service_time", "mean"): 0.25},
    ),
    Case(  # a 404 is a transaction, but no successful one
        "siege-log",
        "      Date & Time,  Trans,  Elap Time,  Data Trans,  Resp Time,  Trans Rate,  Throughput,"
        "  Concurrent,    OKAY,   Failed\n"
        "2026-11-25 22:19:01,   76,   0.32,   0,   0.02,   237.50,   0.00,   3.94,   52,   4\n",
        {("", "error_rate", "value"): 0.35},
    ),
    Case(  # groups inside of scenarios and groups
        "k6-text",
        "  █ TOTAL RESULTS \n\n    http_req_failed..: 25.00% 2 out of 8\n"
        "    http_reqs........: 8      4/s\n    iterations.......: 2 1/s\n\n"
        "  █ SCENARIO: first \n\n    ✗ ok\n      ↳  80% — ✓ 8 / ✗ 2\n\n    http_reqs....: 6 3/s\n\n"
        '    ↳ GROUP: outer, "1" \n\n      http_reqs....: 4 2/s\n\n'
        "      ↳ GROUP: inner \n\n        http_reqs....: 1 0.5/s\n\n"
        "    ↳ GROUP: last \n\n      http_reqs....: 2 1/s\n\n"
        "  █ SCENARIO: second \n\n    http_reqs....: 2 1/s\n",
        {
            ("", "requests", "value"): 8,
            ("first", "requests", "value"): 6,
            ('first::outer, "1"', "requests", "value"): 4,
            ('first::outer, "1"::inner', "requests", "value"): 1,
            ("first::last", "requests", "value"): 2,
            ("second", "requests", "value"): 2,
        },
    ),
    Case(  # the median under both of its names
        "k6-text",
        "    http_req_duration..: avg=2ms med=1ms p(50)=1ms p(95)=3ms\n    http_reqs....: 8 4/s\n"
        "    iterations....: 2 1/s\n",
        {("", "service_time", "p50"): 0.001, ("", "service_time", "p95"): 0.003},
    ),
    Case(  # k6 2: `--summary-export` with `--summary-trend-stats`
        "k6-summary",
        '{"metrics":{"iterations":{"count":2,"rate":1},"http_req_failed":{"passes":1,"fails":3,'
        '"value":0.25},"http_req_duration":{"med":5,"p(50)":5,"p(99.9)":9,"count":4}}}',
        {
            ("", "service_time", "p50"): 0.005,
            ("", "service_time", "p99.9"): 0.009,
            ("", "error_rate", "value"): 0.25,
        },
    ),
    Case(  # a transaction beside its parts, and one that holds them
        "jmeter-xml",
        '<?xml version="1.0"?>\n<testResults version="1.2">\n'
        '<httpSample t="100" ts="1700000000000" s="true" lb="a" rc="200"/>\n'
        '<sample t="150" ts="1700000000000" s="true" lb="both" rm="Number of samples in transaction'
        ' : 1, number of failing samples : 0"/>\n'
        '<sample t="300" ts="1700000000700" s="false" lb="whole" rm="Number of samples in'
        ' transaction : 1, number of failing samples : 1">\n'
        '<httpSample t="200" ts="1700000000700" s="false" lb="b" rc="500"/></sample>\n'
        "</testResults>\n",
        {
            ("", "requests", "value"): 2,
            ("", "service_time", "mean"): 0.2,
            ("both", "service_time", "mean"): 0.15,
            ("whole", "service_time", "mean"): 0.3,
            ("b", "requests", "value"): None,
        },
    ),
    Case(  # the attack and the wait for its last answer
        "vegeta-report",
        '{"latencies":{"mean":2000000},"requests":20,"rate":10,"throughput":8,"success":1,'
        '"duration":2000000000,"wait":500000000}',
        {("", "duration", "value"): 2.5, ("", "service_time", "mean"): 0.002},
    ),
    Case(  # at a rate: times count from the scheduled starts
        "pgbench",
        "transaction type: x\nnumber of transactions actually processed: 528\n"
        "latency average = 11.741 ms\nrate limit schedule lag: avg 0.792 (max 4.952) ms\n",
        {
            ("", "response_time", "mean"): 0.011741,
            ("", "transaction_time", "mean"): None,
            ("", "schedule_lag", "max"): 0.004952,
        },
    ),
    Case(  # 0.4 s of 1.5 s and 0.1 s of 0.5 s were lag, in the seventh column
        "pgbench-log",
        "0 1 1500000 0 1700000002 500000 400000\n0 2 skipped 0 1700000002 600000 0\n"
        "0 3 500000 0 1700000003 0 100000\n",
        {
            ("", "response_time", "mean"): 1.0,
            ("", "service_time", "mean"): None,
            ("", "throughput", "value"): 1.0,
            ("", "skipped", "value"): 1,
        },
    ),
    Case(  # a seventh column of retries
        "pgbench-log",
        "0 1 1500000 0 1700000002 500000 2\n0 2 500000 0 1700000003 0 0\n",
        {("", "service_time", "mean"): 1.0, ("", "response_time", "mean"): None},
    ),
    Case(  # `compare --csv` of one run, with columns of parameters
        "pytest-benchmark",
        "name,param:n,param:s,min,max,mean,stddev,median,iqr,outliers,ops,rounds,iterations\n"
        '"test_b.py::test_s[a,""b""]",,"a,""b""",1e-07,5e-07,3e-07,1e-08,2e-07,1e-09,5;7,5e6,9,29\n',
        {
            ('test_b.py::test_s[a,"b"]', "time", "p50"): 2e-7,
            ('test_b.py::test_s[a,"b"]', "rate", "value"): 5e6,
        },
    ),
    Case(  # less than a nanosecond
        "criterion",
        "plain                   time:   [825.98 ps 1.0131 ns 1.2098 ns]\n",
        {("plain", "time", "low"): 825.98e-12, ("plain", "time", "mean"): 1.0131e-9},
    ),
]
