import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * The talk time of each queue and minute: events keyed by contact are regrouped by queue, through the topic that
 * Kafka Streams makes for that, and summed in tumbling windows. Arguments: bootstrap, topic, the sum of all talk times.
 * Prints one line as bench/peers/job.py wants it once all is counted.
 */
public final class TalkTime {
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Talked(String queue, long at, long talk_ms) {}

    private static final ObjectReader TALKED = new ObjectMapper().readerFor(Talked.class);
    private static final Map<String, Long> SUMS = new ConcurrentHashMap<>();
    private static final AtomicLong COUNTED = new AtomicLong();
    private static final CountDownLatch ALL = new CountDownLatch(1);
    private static volatile long beganNs;
    private static volatile long beganCpuNs;
    private static volatile long endedNs;
    private static volatile long endedCpuNs;
    private static long expected;

    public static void main(String[] arguments) throws Exception {
        expected = Long.parseLong(arguments[2]);
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer-kafka-streams");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("floorpulse-peer-").toString());
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        try (KafkaStreams streams = new KafkaStreams(topology(arguments[1]).build(), settings)) {
            streams.start();
            ALL.await();
            streams.close(Duration.ofSeconds(30)); // hands on what is still in its cache
            streams.cleanUp();
        }
        System.out.println(found());
    }

    private static StreamsBuilder topology(String topic) {
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Talked> talked = Serdes.serdeFrom((name, event) -> null, (name, bytes) -> read(bytes));
        builder.stream(
                        topic,
                        Consumed.with(Serdes.ByteArray(), talked)
                                .withTimestampExtractor((record, previous) -> ((Talked) record.value()).at()))
                .map((contact, event) -> KeyValue.pair(event.queue(), event.talk_ms()))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofDays(1)))
                .aggregate(
                        () -> 0L,
                        (queue, talkMs, sum) -> counted(talkMs, sum + talkMs),
                        Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .foreach((window, sum) -> SUMS.put(
                        "[\"" + window.key() + "\"," + window.window().start() / 60_000, sum));
        return builder;
    }

    private static Talked read(byte[] bytes) {
        if (beganNs == 0) {
            begin();
        }
        try {
            return TALKED.readValue(bytes);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static synchronized void begin() {
        if (beganNs == 0) {
            beganCpuNs = cpuNs();
            beganNs = System.nanoTime();
        }
    }

    private static long counted(long talkMs, long sum) {
        if (COUNTED.addAndGet(talkMs) == expected) {
            endedNs = System.nanoTime();
            endedCpuNs = cpuNs();
            ALL.countDown();
        }
        return sum;
    }

    private static long cpuNs() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static String found() {
        String sums = SUMS.entrySet().stream()
                .map(entry -> entry.getKey() + "," + entry.getValue() + "]")
                .collect(Collectors.joining(","));
        return "{\"wall_s\":" + (endedNs - beganNs) / 1e9 + ",\"cpu_s\":" + (endedCpuNs - beganCpuNs) / 1e9
                + ",\"sums\":[" + sums + "]}";
    }
}
