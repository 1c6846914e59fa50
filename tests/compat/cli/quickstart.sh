# A record, put and pulled.
set -e
aws kinesis create-stream --stream-name greetings --shard-count 1
aws kinesis wait stream-exists --stream-name greetings
printf hello | aws kinesis put-record --stream-name greetings --partition-key world --data fileb:///dev/stdin
iterator=$(aws kinesis get-shard-iterator --stream-name greetings --shard-id shardId-000000000000 \
    --shard-iterator-type TRIM_HORIZON --query ShardIterator --output text)
echo "pulled: $(aws kinesis get-records --shard-iterator "$iterator" --query 'Records[0].Data' --output text |
    base64 --decode)"
